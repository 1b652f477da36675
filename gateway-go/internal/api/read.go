package api

import (
	"net/http"
)

// read answers the job as it stands. It is what polls call: 304 when nothing changed.
func (a *API) read(w http.ResponseWriter, r *http.Request, owner string) error {
	found, err := a.Desk.Read(r.Context(), owner, r.PathValue("id"))
	if err != nil {
		return err
	}
	if limit, asked := preferredWait(r.Header); asked {
		found = a.wait(w, r, owner, found, limit)
	}
	if matches(r.Header, validator(found)) {
		jobHeaders(w.Header(), found)
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return answerJob(w, http.StatusOK, found)
}
