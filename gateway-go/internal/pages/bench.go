package pages

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"darkroom/gateway/internal/job"
)

// bench is the form as the template shows it.
type bench struct {
	form
	Errors      map[string]*fieldError
	Notice      *notice
	Looks       []look
	Shapes      []shape
	Counts      []count
	Models      []option
	Schedulers  []option
	Summary     string // of the folded settings on a phone
	FineSummary string
	Unfolded    bool
	Ready, Kept string
	KeepsOut    bool // the model reads what is to be kept out
	Guided      bool // guidance can be chosen
	model       job.Model
}

type fieldError struct {
	Name, Text string
	First      bool // gets the focus
}

type look struct {
	ID, Name         string
	Chosen, Pictured bool
}

type shape struct {
	Value, Name string
	Chosen      bool
	X, Y, W, H  float64 // the little drawing
}

type count struct {
	N      int
	Chosen bool
}

type option struct {
	ID, Label string
	Chosen    bool
}

// fields is the order in which the bench shows them; those after "keep_out" are fine controls.
var fields = []string{"words", "look", "shape", "n", "keep_out", "model", "steps", "guidance", "scheduler", "seed"}

func newBench(f form, models catalogue, limits job.Limits, wrong problems, told *notice) bench {
	model := models.find(f.Model)
	b := bench{form: f, Notice: told, Errors: map[string]*fieldError{}, Kept: "Kept for " + days(limits.Retention), model: model}
	b.KeepsOut, b.Guided = model.NegativePrompt, model.Guidance.Min < model.Guidance.Max
	if b.Key == "" {
		b.Key = newKey()
	}
	b.placeErrors(wrong)
	b.choices(model)
	for _, m := range models.draws() {
		label := m.Name
		switch {
		case m.Warm > 0:
			label += ", warm"
		case m.Workers == 0:
			label += ", no worker"
		}
		b.Models = append(b.Models, option{m.ID, label, m.ID == model.ID})
	}
	b.FineSummary = fmt.Sprintf("%s · %s steps", model.Name, strings.TrimSpace(f.Steps))
	if model.SecondsPerJob != nil && model.Workers > 0 {
		b.Ready = "Ready in about " + about(*model.SecondsPerJob*float64(1+model.QueueLength/model.Workers))
	}
	return b
}

func (b *bench) placeErrors(wrong problems) {
	first := true
	for i, field := range fields {
		text, found := wrong[field]
		if !found {
			continue
		}
		b.Errors[field] = &fieldError{Name: field, Text: text, First: first}
		first = false
		b.Fine = b.Fine || i > 4
		b.Unfolded = b.Unfolded || i > 0
	}
	b.Unfolded = b.Unfolded || b.Settings
}

func (b *bench) choices(model job.Model) {
	var summary []string
	for _, preset := range model.Presets {
		chosen := preset.ID == b.Look
		b.Looks = append(b.Looks, look{preset.ID, preset.Name, chosen, pictured[preset.ID]})
		if chosen && b.Mode != "prompt" {
			summary = append(summary, preset.Name)
		}
	}
	sizes := model.Sizes.Offered
	if b.Shape != "" && !offers(model, b.Shape) { // a job made elsewhere, in a size that has no name here
		var width, height int
		if _, err := fmt.Sscanf(b.Shape, "%dx%d", &width, &height); err == nil && width > 0 && height > 0 {
			sizes = append([]job.Size{{Name: fmt.Sprintf("%d × %d", width, height), Width: width, Height: height}}, sizes...)
		}
	}
	for _, size := range sizes {
		drawn := newShape(size)
		drawn.Chosen = drawn.Value == b.Shape
		b.Shapes = append(b.Shapes, drawn)
		if drawn.Chosen {
			summary = append(summary, size.Name)
		}
	}
	for n := 1; n <= min(model.MaxN, 4); n++ {
		b.Counts = append(b.Counts, count{n, strconv.Itoa(n) == b.N})
	}
	if n, err := strconv.Atoi(b.N); err == nil && n > 4 && n <= model.MaxN {
		b.Counts = append(b.Counts, count{n, true})
	}
	for _, id := range model.Schedulers {
		b.Schedulers = append(b.Schedulers, option{id, schedulerName(model, id), id == b.Scheduler})
	}
	n, _ := strconv.Atoi(b.N)
	b.Summary = strings.Join(append(summary, plural(max(n, 1), "picture", "pictures")), " · ")
}

// pictured are the looks that have a sample picture; any other shows a plain tile.
var pictured = map[string]bool{"studio": true, "lifestyle": true, "flat-lay": true}

// newShape draws the size's proportions into a box of 22 × 16.
func newShape(size job.Size) shape {
	const boxW, boxH, side = 22.0, 16.0, 14.0
	w, h := side, side
	if size.Width > size.Height {
		w, h = side*1.3, side*1.3*float64(size.Height)/float64(size.Width)
	} else {
		w = side * float64(size.Width) / float64(size.Height)
	}
	return shape{Value: shapeValue(size.Width, size.Height), Name: size.Name, X: (boxW - w) / 2, Y: (boxH - h) / 2, W: w, H: h}
}

func schedulerName(m job.Model, id string) string {
	if name := m.SchedulerNames[id]; name != "" {
		return name
	}
	return id // of a model that is no longer offered
}

// changeModel answers the bench with another model's choices; what was typed is kept.
func (s *Studio) changeModel(w http.ResponseWriter, r *http.Request, owner string) error {
	f, err := postedForm(r)
	if err != nil {
		return err
	}
	models, err := s.Desk.Models(r.Context())
	if err != nil {
		return err
	}
	f.Fine, f.Settings = true, true
	b := newBench(f.changeTo(catalogue(models).find(f.Model)), models, s.Desk.Limits(), missingModel(f, models), nil)
	if fromHTMX(r) {
		return s.render.html(w, r, http.StatusOK, "bench", b)
	}
	return s.showStudio(w, r, owner, http.StatusOK, b)
}

// missingModel is the problem of a form that names a model which is no longer offered; the bench then shows the default one.
func missingModel(f form, models catalogue) problems {
	if f.Model == "" || models.draws().has(f.Model) {
		return nil
	}
	instead := models.find("").Name + " is chosen instead."
	if models.has(f.Model) {
		return problems{"model": models.name(f.Model) + " begins with a picture: its card offers it. " + instead}
	}
	return problems{"model": f.Model + " is no longer offered. " + instead}
}

func postedForm(r *http.Request) (form, error) {
	if err := r.ParseForm(); err != nil {
		return form{}, &job.Error{Code: job.InvalidRequest, Message: "The form could not be read. It may be too long.", Err: err}
	}
	return formOfPost(r.PostForm), nil
}
