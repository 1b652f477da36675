package pages

import "net/http"

// cancel ends a live job; a job that ended first is shown as it ended.
func (s *Studio) cancel(w http.ResponseWriter, r *http.Request, owner string) error {
	ended, err := s.Desk.Cancel(r.Context(), owner, r.PathValue("id"))
	if err != nil {
		return err
	}
	if !fromHTMX(r) {
		http.Redirect(w, r, "/jobs/"+ended.ID, http.StatusSeeOther)
		return nil
	}
	models, err := s.Desk.Models(r.Context())
	if err != nil {
		return err
	}
	shown := newCard(ended, models)
	shown.Still = false // it ended while watched: it keeps its box
	return s.render.html(w, r, http.StatusOK, "card", shown)
}
