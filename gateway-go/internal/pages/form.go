package pages

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"darkroom/gateway/internal/job"
)

// form is the bench as posted: text, exactly as typed, so that it can be shown again.
type form struct {
	Mode, Words, Look, Shape, N, KeepOut, Model, Steps, Guidance, Scheduler, Seed string
	Key                                                                           string // makes a double click one picture
	KeepSeed, Fine, Settings                                                      bool
}

func formOfPost(values url.Values) form {
	on := func(name string) bool { return values.Get(name) != "" }
	return form{
		Mode: values.Get("mode"), Words: values.Get("words"), Look: values.Get("look"), Shape: values.Get("shape"), N: values.Get("n"),
		KeepOut: values.Get("keep_out"), Model: values.Get("model"), Steps: values.Get("steps"), Guidance: values.Get("guidance"),
		Scheduler: values.Get("scheduler"), Seed: values.Get("seed"), Key: values.Get("key"),
		KeepSeed: on("keep_seed"), Fine: on("fine"), Settings: on("settings"),
	}
}

// formOfModel is an empty bench with the model's own defaults.
func formOfModel(m job.Model) form {
	return form{
		Mode: "product", Look: m.Defaults.Preset, Shape: shapeValue(m.Defaults.Width, m.Defaults.Height), N: strconv.Itoa(max(m.Defaults.N, 1)), Model: m.ID,
		Steps: strconv.Itoa(m.Defaults.Steps), Guidance: decimal(m.Defaults.GuidanceScale), Scheduler: m.Defaults.Scheduler, Key: newKey(),
	}
}

// formOfJob puts a job's settings on the bench, its seed included and kept.
func formOfJob(j job.Job, models catalogue) form {
	f := formOfModel(models.find(j.Model))
	request := requestOf(j)
	if request.Prompt != nil {
		f.Mode, f.Words = "prompt", *request.Prompt
	}
	if request.Product != nil {
		f.Mode, f.Words = "product", *request.Product
	}
	if request.Preset != nil {
		f.Look = *request.Preset
	}
	if spec := j.Effective; spec != nil && !models.draws().has(j.Model) {
		f.KeepOut, f.Shape, f.N = spec.NegativePrompt, shapeValue(spec.Width, spec.Height), strconv.Itoa(spec.N)
		f = f.changeTo(models.find(""))
	} else if spec != nil {
		f.KeepOut, f.Shape, f.N = spec.NegativePrompt, shapeValue(spec.Width, spec.Height), strconv.Itoa(spec.N)
		f.Steps, f.Guidance, f.Scheduler = strconv.Itoa(spec.Steps), decimal(spec.GuidanceScale), spec.Scheduler
		f.Seed, f.KeepSeed, f.Fine = strconv.FormatInt(spec.Seed, 10), true, true
	}
	return f
}

// changeTo keeps what was typed and takes the model's own choices where the old ones do not fit.
func (f form) changeTo(m job.Model) form {
	fresh := formOfModel(m)
	kept := f
	kept.Model, kept.Steps, kept.Guidance, kept.Scheduler = m.ID, fresh.Steps, fresh.Guidance, fresh.Scheduler
	if !offers(m, f.Shape) {
		kept.Shape = fresh.Shape
	}
	if n, err := strconv.Atoi(f.N); err != nil || n > m.MaxN {
		kept.N = fresh.N
	}
	look := fresh.Look
	for _, preset := range m.Presets {
		if preset.ID == f.Look {
			look = f.Look
		}
	}
	kept.Look = look
	return kept
}

// problems are sentences by field name.
type problems map[string]string

// request reads the typed text. What cannot be read is a problem at its field; ranges are judged by whoever takes the order.
func (f form) request(m job.Model) (job.Request, problems) {
	wrong := problems{}
	request := job.Request{Model: &m.ID}
	words := strings.TrimSpace(f.Words)
	switch {
	case words == "":
		wrong["words"] = "Say what to photograph."
	case f.Mode == "prompt":
		request.Prompt = &words
	default:
		request.Product = &words
		if f.Look != "" {
			request.Preset = &f.Look
		}
	}
	if keepOut := strings.TrimSpace(f.KeepOut); keepOut != "" && m.NegativePrompt {
		request.NegativePrompt = &keepOut
	}
	if f.Shape != "" {
		var width, height int
		if _, err := fmt.Sscanf(f.Shape, "%dx%d", &width, &height); err != nil {
			wrong["shape"] = "Choose one of the shapes."
		}
		request.Width, request.Height = &width, &height
	}
	request.N = whole(f.N, "n", "A whole number.", wrong)
	request.Steps = whole(f.Steps, "steps", stepsAllowed(m), wrong)
	if text := strings.TrimSpace(f.Guidance); text != "" {
		guidance, err := strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64)
		if err != nil {
			wrong["guidance"] = guidanceAllowed(m)
		}
		request.GuidanceScale = &guidance
	}
	if f.Scheduler != "" {
		request.Scheduler = &f.Scheduler
	}
	if text := strings.TrimSpace(f.Seed); text != "" {
		seed, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			wrong["seed"] = seedAllowed
		}
		request.Seed = &seed
	}
	return request, wrong
}

func whole(text, field, allowed string, wrong problems) *int {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		wrong[field] = allowed
	}
	return &n
}

// requestOf reads back what a job's client sent.
func requestOf(j job.Job) job.Request {
	var request job.Request
	text, err := json.Marshal(j.Input)
	if err != nil {
		return request
	}
	_ = json.Unmarshal(text, &request) // it was a request once
	return request
}

func shapeValue(width, height int) string { return fmt.Sprintf("%dx%d", width, height) }

func offers(m job.Model, shape string) bool {
	for _, size := range m.Sizes.Offered {
		if shapeValue(size.Width, size.Height) == shape {
			return true
		}
	}
	return false
}

// newKey is an idempotency key for one filling of the bench.
func newKey() string { return rand.Text() }
