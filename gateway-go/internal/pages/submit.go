package pages

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"darkroom/gateway/internal/job"
)

// doubleClick is how long the same form sent twice means one picture. Later (the back button) it means another one.
const doubleClick = 10 * time.Second

// submit takes the picture. With htmx the answer is a fresh bench and the new card; without, the way to the job's page.
func (s *Studio) submit(w http.ResponseWriter, r *http.Request, owner string) error {
	f, err := postedForm(r)
	if err != nil {
		return err
	}
	models, err := s.Desk.Models(r.Context())
	if err != nil {
		return s.refuse(w, r, owner, f, s.Desk.Offered(), err) // nothing that was chosen is lost
	}
	if wrong := missingModel(f, models); wrong != nil {
		return s.showBench(w, r, owner, http.StatusBadRequest, newBench(f.changeTo(catalogue(models).find("")), models, s.Desk.Limits(), wrong, nil))
	}
	request, wrong := f.request(catalogue(models).find(f.Model))
	if len(wrong) > 0 {
		return s.showBench(w, r, owner, http.StatusBadRequest, newBench(f, models, s.Desk.Limits(), wrong, nil))
	}
	taken, err := s.take(r.Context(), owner, request, f.Key)
	if err != nil {
		return s.refuse(w, r, owner, f, models, err)
	}
	if !fromHTMX(r) {
		http.Redirect(w, r, "/jobs/"+taken.ID, http.StatusSeeOther)
		return nil
	}
	f.Key = newKey()
	if !f.KeepSeed {
		f.Seed = ""
	} else if taken.Effective != nil {
		f.Seed = strconv.FormatInt(taken.Effective.Seed, 10)
	}
	return s.render.html(w, r, http.StatusOK, "taken", s.newTaken(r.Context(), owner, newBench(f, models, s.Desk.Limits(), nil, nil), taken, models))
}

// take submits under the form's key. A key that was used for other words, or long ago, does not stand in the way of a new picture.
func (s *Studio) take(ctx context.Context, owner string, request job.Request, key string) (job.Job, error) {
	taken, replayed, err := s.Desk.Submit(ctx, owner, request, key)
	conflict := err != nil && refusal(err).Code == job.IdempotencyConflict
	if conflict || (replayed && s.Desk.Now().Sub(taken.CreatedAt) > doubleClick) {
		taken, _, err = s.Desk.Submit(ctx, owner, request, newKey())
	}
	return taken, err
}

// refuse shows why nothing was submitted: at the fields where the refusal names them, else above the bench.
func (s *Studio) refuse(w http.ResponseWriter, r *http.Request, owner string, f form, models catalogue, err error) error {
	if errors.Is(err, job.ErrNoAnswer) {
		return err
	}
	refused := refusal(err)
	if refused.Err != nil {
		blame(w, err)
	}
	wrong, told := problemsOf(refused, models.find(f.Model)), newNotice(refused)
	if len(wrong) > 0 {
		told = nil
	}
	return s.showBench(w, r, owner, s.StatusOf(err), newBench(f, models, s.Desk.Limits(), wrong, told))
}

// showBench answers a submit that made no picture.
func (s *Studio) showBench(w http.ResponseWriter, r *http.Request, owner string, status int, b bench) error {
	for _, wrong := range b.Errors {
		wrong.Text += " Nothing was submitted."
	}
	if fromHTMX(r) {
		return s.render.html(w, r, http.StatusOK, "bench", b)
	}
	return s.showStudio(w, r, owner, status, b)
}

// problemsOf puts the refusal's JSON pointers to the fields of the bench.
func problemsOf(refused *job.Error, m job.Model) problems {
	places := map[string]string{
		"product": "words", "prompt": "words", "preset": "look", "width": "shape", "height": "shape", "n": "n", "negative_prompt": "keep_out",
		"model": "model", "steps": "steps", "guidance_scale": "guidance", "scheduler": "scheduler", "seed": "seed",
	}
	wrong := problems{}
	for _, field := range refused.Fields {
		place, known := places[strings.TrimPrefix(field.Path, "/")]
		switch {
		case !known:
			return nil // a notice says it all
		case place == "steps":
			wrong[place] = stepsAllowed(m)
		case place == "guidance":
			wrong[place] = guidanceAllowed(m)
		case place == "seed":
			wrong[place] = seedAllowed
		default:
			wrong[place] = strings.TrimSuffix(capital(field.Message), ".") + "."
		}
	}
	return wrong
}

const seedAllowed = "A whole number from 0 to 4,294,967,295, or empty."

func stepsAllowed(m job.Model) string {
	return fmt.Sprintf("Between %d and %d for %s.", m.Steps.Min, m.Steps.Max, m.Name)
}

func guidanceAllowed(m job.Model) string {
	return fmt.Sprintf("Between %s and %s for %s.", decimal(m.Guidance.Min), decimal(m.Guidance.Max), m.Name)
}

// takenView is the answer to a submit: the bench again, and the new card for the front of the roll.
type takenView struct {
	Bench bench
	Card  *card
	Count string
}

func (s *Studio) newTaken(ctx context.Context, owner string, b bench, taken job.Job, models catalogue) takenView {
	shown := newCard(taken, models)
	view := takenView{Bench: b, Card: &shown}
	page, err := s.Desk.List(ctx, owner, "", 1)
	if err != nil {
		s.Log.WarnContext(ctx, "count of the roll", "error", err) // the picture is taken; the number can wait
		return view
	}
	view.Count = plural(page.Total, "picture", "pictures")
	return view
}
