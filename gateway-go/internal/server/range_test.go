package server

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// FuzzRange asks for parts of a picture: what comes is that part, the whole, or a refusal.
func FuzzRange(f *testing.F) {
	for _, seed := range []string{"bytes=0-4", "bytes=-6", "bytes=-0", "bytes=994-", "bytes=0-0,2-2", "lines=1-2", "bytes=9-1", "bytes=0-99999999999999999999", "bytes= 1 - 2 ,", ""} {
		f.Add(seed, "", "")
		f.Add(seed, `"x"`, `W/"y", *`)
	}
	e := newEdge(f)
	e.desk.picture = e.desk.picture[:1000]
	f.Fuzz(func(t *testing.T, part, ifRange, ifNoneMatch string) {
		r := httptest.NewRequest(http.MethodGet, image0, nil)
		r.Header = http.Header{"Range": {part}, "If-Range": {ifRange}, "If-None-Match": {ifNoneMatch}}
		w := httptest.NewRecorder()
		e.Config.Handler.ServeHTTP(w, r)
		e.log.Reset()
		switch body := w.Body.Bytes(); w.Code {
		case http.StatusOK:
			if len(body) != len(e.desk.picture) {
				t.Errorf("%q: %d bytes as the whole", part, len(body))
			}
		case http.StatusPartialContent:
			if len(body) == 0 || len(body) > len(e.desk.picture) {
				t.Errorf("%q: %d bytes as a part", part, len(body))
			}
		case http.StatusNotModified, http.StatusRequestedRangeNotSatisfiable, http.StatusPreconditionFailed:
		default:
			t.Errorf("%q: %d", part, w.Code)
		}
	})
}
