package orders

import "sync"

// verifiedLimit bounds the memory of verified images: about 150 bytes each.
const verifiedLimit = 4096

// verified remembers which ETag stood for which image when its hash was checked. An object that changes has another ETag.
type verified struct {
	mu    sync.Mutex
	etags map[string]string
}

func newVerified() *verified { return &verified{etags: map[string]string{}} }

func (v *verified) get(key string) (etag string, known bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	etag, known = v.etags[key]
	return etag, known
}

func (v *verified) put(key, etag string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for old := range v.etags { // any one: Go begins a range anywhere
		if len(v.etags) < verifiedLimit {
			break
		}
		delete(v.etags, old)
	}
	v.etags[key] = etag
}

func (v *verified) forget(key string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.etags, key)
}
