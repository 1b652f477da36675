package pages

import (
	"net/http"
	"slices"

	"darkroom/gateway/internal/job"
)

// rollPart is how many cards one part of the roll holds.
const rollPart = 24

type studioView struct {
	layout
	Bench   bench
	Away    bool // the roll cannot be read
	Cards   []card
	Newest  bool // the first card is the newest of all and takes the large cell
	Next    string
	Count   string
	Welcome bool
	KeptFor string
	Knows   string
	Samples []sample

	PickedElsewhere string // the id of a picture to compare that is not among the cards
}

// sample is an example of the model's, with the picture it drew of it where the page has one.
type sample struct {
	Words string
	Cell  int // of samples.webp, 0 for none
}

// mostSamples is two rows of three.
const mostSamples = 6

func (s *Studio) samples(m job.Model) []sample {
	var shown []sample
	for _, words := range m.Examples[:min(len(m.Examples), mostSamples)] {
		shown = append(shown, sample{words, 1 + slices.Index(s.assets.samples, words)})
	}
	return shown
}

func (s *Studio) studio(w http.ResponseWriter, r *http.Request, owner string) error {
	models, err := s.Desk.Models(r.Context())
	if err != nil {
		return err
	}
	query := r.URL.Query()
	asked := formOfModel(catalogue(models).find(query.Get("model")))
	wrong := missingModel(form{Model: query.Get("model")}, models)
	if id := query.Get("from"); id != "" {
		source, err := s.Desk.Read(r.Context(), owner, id)
		if err != nil {
			return err
		}
		asked, wrong = formOfJob(source, models), missingModel(form{Model: source.Model}, models)
	}
	if words := query.Get("words"); words != "" {
		asked.Words = words
	}
	if mode := query.Get("mode"); mode != "" {
		asked.Mode = mode
	}
	return s.showStudio(w, r, owner, http.StatusOK, newBench(asked, models, s.Desk.Limits(), wrong, nil))
}

// showStudio renders the whole page round a bench: fresh, or with what was wrong.
func (s *Studio) showStudio(w http.ResponseWriter, r *http.Request, owner string, status int, b bench) error {
	view := studioView{layout: s.layout(r.Context(), "Darkroom", "studio"), Bench: b, KeptFor: days(s.Desk.Limits().Retention), Samples: s.samples(b.model), Knows: b.model.Description}
	cursor := r.URL.Query().Get("cursor")
	models, err := s.Desk.Models(r.Context())
	if err != nil {
		return err
	}
	page, err := s.Desk.List(r.Context(), owner, cursor, rollPart)
	if err != nil && cursor != "" && refusal(err).Code == job.InvalidRequest {
		return &job.Error{Code: job.InvalidRequest, Message: "This part of the roll is not yours, or its address is incomplete."}
	}
	if err != nil {
		s.Log.ErrorContext(r.Context(), "roll", "error", err)
		view.Away, view.Refresh, view.Next = true, 5, cursor
	} else {
		view.Cards, view.Next, view.Count = cardsOf(page, models), page.Next, plural(page.Total, "picture", "pictures")
	}
	view.Newest, view.Welcome = cursor == "", cursor == ""
	view.pick(r.URL.Query().Get("pick"))
	return s.render.html(w, r, status, "studio", view)
}

// pick marks a picture that is to be compared with another.
func (v *studioView) pick(id string) {
	for i := range v.Cards {
		if v.Cards[i].ID == id {
			v.Cards[i].Picked, id = true, ""
		}
	}
	v.PickedElsewhere = id
}

// roll is a part of the roll by itself: the next one, asked for as it scrolls into view, or the first one anew.
func (s *Studio) roll(w http.ResponseWriter, r *http.Request, owner string) error {
	models, err := s.Desk.Models(r.Context())
	if err != nil {
		return err
	}
	cursor := r.URL.Query().Get("cursor")
	page, err := s.Desk.List(r.Context(), owner, cursor, rollPart)
	if err != nil {
		return err
	}
	view := studioView{Cards: cardsOf(page, models), Next: page.Next}
	if cursor == "" {
		view.Count = plural(page.Total, "picture", "pictures")
	}
	return s.render.html(w, r, http.StatusOK, "roll", view)
}

func cardsOf(page job.Page, models catalogue) []card {
	cards := make([]card, 0, len(page.Jobs))
	for _, j := range page.Jobs {
		cards = append(cards, newCard(j, models))
	}
	return cards
}
