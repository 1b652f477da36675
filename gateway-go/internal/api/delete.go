package api

import "net/http"

// remove deletes a job and its images; a live one is canceled first.
func (a *API) remove(w http.ResponseWriter, r *http.Request, owner string) error {
	if err := a.Desk.Delete(r.Context(), owner, r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
