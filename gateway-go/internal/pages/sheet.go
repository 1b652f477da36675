package pages

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"darkroom/gateway/internal/job"
)

// sheet is one job, whole, as its own page shows it.
type sheet struct {
	layout
	Card     card
	AllWords string // where the card holds only their beginning
	Taken    *line
	About    string
	Saves    []picture // one by one, when there are several
	Settings []setting
	Warnings []string
	Receipt  *receipt
	Story    *line
	Code     *code
}

type setting struct {
	Name, Text, Remark, Href string
	Mono                     bool
}

type receipt struct {
	Rows  []receiptRow
	Total string
}

type receiptRow struct {
	Name, Text, Tone string
	X, Width         float64 // of 96, along the job's whole time
}

func (s *Studio) job(w http.ResponseWriter, r *http.Request, owner string) error {
	view, err := s.newSheet(r, owner)
	if err != nil {
		return err
	}
	view.layout = s.layout(r.Context(), beginning(view.Card.Words, 60)+" · Darkroom", "")
	if view.Card.Poll != "" {
		view.Refresh = 2
	}
	return s.render.html(w, r, http.StatusOK, "job", view)
}

func (s *Studio) pollSheet(w http.ResponseWriter, r *http.Request, owner string) error {
	view, err := s.newSheet(r, owner)
	if err != nil {
		return err
	}
	return s.render.poll(w, r, "sheet", view)
}

// pollCard is what a live card asks for at the server's pace.
func (s *Studio) pollCard(w http.ResponseWriter, r *http.Request, owner string) error {
	j, err := s.Desk.Read(r.Context(), owner, r.PathValue("id"))
	if err != nil {
		return err
	}
	models, err := s.Desk.Models(r.Context())
	if err != nil {
		return err
	}
	shown := newCard(j, models)
	shown.Still = false // it ended while watched: it keeps its box
	return s.render.poll(w, r, "card", shown)
}

func (s *Studio) newSheet(r *http.Request, owner string) (sheet, error) {
	j, err := s.Desk.Read(r.Context(), owner, r.PathValue("id"))
	if err != nil {
		return sheet{}, err
	}
	models, err := s.Desk.Models(r.Context())
	if err != nil {
		return sheet{}, err
	}
	view := sheet{Card: newCard(j, models), Taken: sayAt("Asked %t", "full", j.CreatedAt), Warnings: j.Warnings}
	if words := wordsOf(j); words != "" && words != view.Card.Words {
		view.AllWords = words
	}
	for i := range view.Card.Pictures {
		view.Card.Pictures[i].Href = view.Card.Pictures[i].Src // here a picture opens itself
	}
	if view.Card.Proofs {
		view.Saves = view.Card.Pictures
	}
	if !j.Status.Terminal() || j.Status == job.Failed || j.Status == job.Canceled {
		view.Taken, view.About = view.Card.Left, view.Card.Right
	}
	if j.Status == job.Succeeded {
		view.succeeded(j)
	}
	view.Settings = settingsOf(j, models)
	if len(j.Input) > 0 {
		view.Code = codeOf(j, s.origin(r))
	}
	return view, nil
}

func (view *sheet) succeeded(j job.Job) {
	if j.CompletedAt != nil {
		view.Taken = sayAt("Taken %t", "full", *j.CompletedAt)
	}
	if len(j.Outputs) > 0 {
		first := j.Outputs[0]
		_, format, _ := strings.Cut(first.ContentType, "/")
		view.About = fmt.Sprintf("%d × %d · %s · %s", first.Width, first.Height, strings.ToUpper(format), kilobytes(first.SizeBytes))
		if len(j.Outputs) == 1 {
			view.About += " · sha256 " + short(first.SHA256)
		}
	}
	view.Receipt = receiptOf(j.Metrics)
	worker := "a worker"
	if j.Worker != nil {
		worker = *j.Worker
	}
	view.Story = say(fmt.Sprintf("Made by %s at the %s try.", worker, try(max(j.Attempt, 1))))
	if j.ExpiresAt != nil {
		view.Story = sayAt(view.Story.Before+" Kept until %t.", "until", *j.ExpiresAt)
	}
}

func settingsOf(j job.Job, models catalogue) []setting {
	if j.Effective == nil {
		return nil
	}
	spec, request := j.Effective, requestOf(j)
	model := models.find(j.Model)
	var rows []setting
	if from := spec.Image; from != nil {
		rows = append(rows, setting{Name: "Enlarged from", Text: fmt.Sprintf("picture %d of %s", from.Index+1, short(from.Job)), Href: "/jobs/" + from.Job})
	}
	if request.Product != nil {
		name := model.Defaults.Preset
		if request.Preset != nil {
			name = *request.Preset
		}
		for _, preset := range model.Presets {
			if preset.ID == name {
				name = preset.Name
			}
		}
		rows = append(rows, setting{Name: "Look", Text: name})
	}
	if spec.Prompt != wordsOf(j) {
		rows = append(rows, setting{Name: "Prompt", Text: beginning(spec.Prompt, 1000)})
	}
	if spec.NegativePrompt != "" {
		rows = append(rows, setting{Name: "Kept out", Text: spec.NegativePrompt})
	}
	seed := setting{Name: "Seed", Text: fmt.Sprint(spec.Seed), Mono: true}
	if spec.N > 1 {
		seed = setting{Name: "Seeds", Text: span(spec.Seed, spec.Seed+int64(spec.N)-1), Mono: true}
	}
	if j.SeedDrawn {
		seed.Remark = ", drawn for you"
	}
	return append(rows,
		setting{Name: "Model", Text: models.name(j.Model)},
		setting{Name: "Size", Text: fmt.Sprintf("%d × %d", spec.Width, spec.Height)},
		setting{Name: "Steps", Text: strconv.Itoa(spec.Steps)},
		setting{Name: "Guidance", Text: decimal(spec.GuidanceScale)},
		setting{Name: "Scheduler", Text: schedulerName(model, spec.Scheduler)},
		seed)
}

// receiptOf lays the stages along the job's whole time. Without a total there is no receipt.
func receiptOf(m job.Metrics) *receipt {
	if m.TotalMS == nil {
		return nil
	}
	stages := []struct {
		name, tone string
		ms         *int64
	}{{"Waited in line", "", m.QueueMS}, {"Loaded model", "", m.LoadMS}, {"Developed", "warm", m.DenoiseMS}, {"Decoded", "", m.DecodeMS}, {"Stored", "", m.UploadMS}}
	whole, sum := float64(*m.TotalMS), 0.0
	for _, stage := range stages {
		if stage.ms != nil {
			sum += float64(*stage.ms)
		}
	}
	scale := 96 / math.Max(1, math.Max(whole, sum))
	paper, x := &receipt{Total: hundredths(*m.TotalMS)}, 0.0
	for _, stage := range stages {
		row := receiptRow{Name: stage.name, Tone: stage.tone, Text: "–"}
		switch {
		case stage.name == "Loaded model" && (stage.ms == nil || *stage.ms == 0):
			row.Text = "warm"
		case stage.ms != nil:
			row.X, row.Width, row.Text = x, float64(*stage.ms)*scale, hundredths(*stage.ms)
			x += row.Width
		}
		paper.Rows = append(paper.Rows, row)
	}
	return paper
}

func hundredths(ms int64) string { return fmt.Sprintf("%.2f%ss", float64(ms)/1000, nbsp) }
