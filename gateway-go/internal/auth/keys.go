package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// keysLook is how often the file is looked at, so how long a revoked key may still work.
const keysLook = time.Second

// Keys are the API keys of a file, read again when it changes. Only hashes are kept: a lost key cannot be shown again.
type Keys struct {
	path string

	mu     sync.Mutex
	byHash map[[sha256.Size]byte]string
	looked time.Time
	seen   fs.FileInfo
}

// OpenKeys reads the file at path; "" and a file that does not exist yet mean no keys.
func OpenKeys(path string) (*Keys, error) {
	keys := &Keys{path: path}
	return keys, keys.load()
}

// find answers the id of a key. The work is the same for every key, right or wrong: one hash, one look-up by it.
func (k *Keys) find(key string) (id string, ok bool) {
	hash := sha256.Sum256([]byte(key))
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.looked) > keysLook {
		if err := k.load(); err != nil {
			slog.Error("API keys not read, the ones known before stay valid", "file", k.path, "error", err)
		}
	}
	id, ok = k.byHash[hash]
	return id, ok
}

func (k *Keys) load() error {
	k.looked = time.Now()
	if k.path == "" {
		return nil
	}
	now, err := os.Stat(k.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		k.byHash, k.seen = nil, nil
		return nil
	case err != nil:
		return err
	case k.seen != nil && os.SameFile(now, k.seen) && now.ModTime().Equal(k.seen.ModTime()) && now.Size() == k.seen.Size():
		return nil
	}
	entries, err := ReadEntries(k.path)
	if err != nil {
		return err
	}
	byHash := make(map[[sha256.Size]byte]string, len(entries))
	for _, entry := range entries {
		byHash[entry.hash] = entry.ID
	}
	k.byHash, k.seen = byHash, now
	return nil
}

func parseHash(text string) (hash [sha256.Size]byte, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != sha256.Size {
		return hash, errors.New("the hash is 64 hex characters")
	}
	return [sha256.Size]byte(raw), nil
}
