package pages

import (
	"errors"
	"net/http"

	"darkroom/gateway/internal/job"
)

// askDelete is the question as a page, for browsers without script.
func (s *Studio) askDelete(w http.ResponseWriter, r *http.Request, owner string) error {
	j, err := s.Desk.Read(r.Context(), owner, r.PathValue("id"))
	if err != nil {
		return err
	}
	words := beginning(wordsOf(j), briefly)
	if words == "" {
		words = short(j.ID)
	}
	return s.render.html(w, r, http.StatusOK, "delete", struct {
		layout
		ID, Words string
	}{s.layout(r.Context(), "Delete · Darkroom", ""), j.ID, words})
}

// remove deletes a job with its pictures. One that is gone already counts as deleted.
func (s *Studio) remove(w http.ResponseWriter, r *http.Request, owner string) error {
	err := s.Desk.Delete(r.Context(), owner, r.PathValue("id"))
	var refused *job.Error
	if errors.As(err, &refused) && refused.Code == job.Gone {
		err = nil
	}
	if err != nil {
		if fromHTMX(r) {
			w.Header().Set("HX-Reswap", "none") // keep the card: the sentence goes onto it
		}
		return err
	}
	if !fromHTMX(r) {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return nil
	}
	w.WriteHeader(http.StatusOK) // nothing to show: htmx takes the card away
	return nil
}
