package pages

import (
	"net/http"
	"strconv"

	"darkroom/gateway/internal/job"
)

// enlarge submits a finished picture to a model that draws it again, larger. The words stay what they were.
func (s *Studio) enlarge(w http.ResponseWriter, r *http.Request, owner string) error {
	index, model := 0, r.PostFormValue("model")
	if text := r.PostFormValue("index"); text != "" {
		var err error
		if index, err = strconv.Atoi(text); err != nil {
			return &job.Error{Code: job.InvalidRequest, Message: "The form names no picture."}
		}
	}
	return s.repeat(w, r, owner, func(old job.Job, request *job.Request) {
		*request = job.Request{Model: &model, Image: &job.Source{Job: old.ID, Index: index}}
		if old.Effective != nil {
			request.Prompt = &old.Effective.Prompt
		}
	})
}
