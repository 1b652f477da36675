package pages

import (
	"fmt"
	"net/http"

	"darkroom/gateway/internal/job"
)

// again submits a job's settings once more, with its own seed.
func (s *Studio) again(w http.ResponseWriter, r *http.Request, owner string) error {
	return s.repeat(w, r, owner, func(old job.Job, request *job.Request) {
		if old.Effective != nil {
			request.Seed = &old.Effective.Seed
		}
	})
}

// vary submits a job's settings once more, with a new seed.
func (s *Studio) vary(w http.ResponseWriter, r *http.Request, owner string) error {
	return s.repeat(w, r, owner, func(_ job.Job, request *job.Request) { request.Seed = nil })
}

func (s *Studio) repeat(w http.ResponseWriter, r *http.Request, owner string, change func(job.Job, *job.Request)) error {
	old, err := s.Desk.Read(r.Context(), owner, r.PathValue("id"))
	if err != nil {
		return err
	}
	if len(old.Input) == 0 {
		return &job.Error{Code: job.InvalidRequest, Message: "The settings of this picture are no longer on record."}
	}
	request := requestOf(old)
	change(old, &request)
	taken, _, err := s.Desk.Submit(r.Context(), owner, request, s.repeatKey(r))
	if err != nil {
		return err
	}
	if !fromHTMX(r) {
		http.Redirect(w, r, "/jobs/"+taken.ID, http.StatusSeeOther)
		return nil
	}
	models, err := s.Desk.Models(r.Context())
	if err != nil {
		return err
	}
	return s.render.html(w, r, http.StatusOK, "new-card", s.newTaken(r.Context(), owner, bench{}, taken, models))
}

// repeatKey makes a double click one picture where no script holds the button back: the same button pressed again in the same ten seconds is the same wish.
func (s *Studio) repeatKey(r *http.Request) string {
	if fromHTMX(r) {
		return newKey()
	}
	return fmt.Sprintf("%s %d", r.URL.Path, s.Desk.Now().Unix()/int64(doubleClick.Seconds()))
}
