package api

import (
	"bytes"
	"net/http"
	"strconv"
	"time"
)

// preview answers the latest small JPEG of a running job.
func (a *API) preview(w http.ResponseWriter, r *http.Request, owner string) error {
	jpeg, revision, err := a.Desk.Preview(r.Context(), owner, r.PathValue("id"))
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "image/jpeg")
	header.Set("Cache-Control", "private, no-cache")
	header.Set("Etag", `"`+strconv.FormatInt(revision, 10)+`"`)
	r.Header.Del("Range") // it is small, and another one a moment later
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(jpeg))
	return nil
}
