package api

import (
	"net/http"

	"darkroom/gateway/internal/job"
)

// models answers the catalogue with workers, warmth and line of each model.
func (a *API) models(w http.ResponseWriter, r *http.Request, _ string) error {
	models, err := a.Desk.Models(r.Context())
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, struct {
		Models []job.Model `json:"models"`
	}{models})
}
