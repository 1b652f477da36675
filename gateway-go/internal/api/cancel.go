package api

import "net/http"

// cancel ends a live job. It is idempotent: a job that has ended is answered unchanged.
func (a *API) cancel(w http.ResponseWriter, r *http.Request, owner string) error {
	found, err := a.Desk.Cancel(r.Context(), owner, r.PathValue("id"))
	if err != nil {
		return err
	}
	return answerJob(w, http.StatusOK, found)
}
