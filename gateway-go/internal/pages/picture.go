package pages

import (
	"net/http"

	"darkroom/gateway/internal/job"
)

// loadPicture puts the settings that a picture carries on the bench. Where its job is still on record and the caller's own, the words come back as they
// were typed; else the prompt that was drawn.
func (s *Studio) loadPicture(w http.ResponseWriter, r *http.Request, owner string) error {
	f, err := postedForm(r)
	if err != nil {
		return err
	}
	models, err := s.Desk.Models(r.Context())
	if err != nil {
		return err
	}
	limits := s.Desk.Limits()
	if wrong := missingModel(f, models); wrong != nil {
		f.Mode = "prompt"
		return s.render.html(w, r, http.StatusOK, "bench", newBench(f.changeTo(catalogue(models).find("")), models, limits, wrong, nil))
	}
	if source, err := s.Desk.Read(r.Context(), owner, r.PostForm.Get("job")); err == nil && source.Status == job.Succeeded {
		seed := f.Seed
		f = formOfJob(source, models)
		f.Seed = seed // of this picture, where the job made several
	} else {
		f.Mode, f.Look, f.Key = "prompt", catalogue(models).find(f.Model).Defaults.Preset, newKey()
	}
	f.N, f.KeepSeed, f.Fine, f.Settings = "1", true, true, true
	told := &notice{Title: "Settings loaded.", Text: "The same seed with the same settings makes the same picture."}
	return s.render.html(w, r, http.StatusOK, "bench", newBench(f, models, limits, nil, told))
}
