package api

import "net/http"

// limits answers the limits that hold for every model.
func (a *API) limits(w http.ResponseWriter, _ *http.Request, _ string) error {
	return answer(w, http.StatusOK, a.Desk.Limits())
}
