package pages

import (
	"fmt"
	"net/http"
	"strings"
)

type compareView struct {
	layout
	Notice *notice
	Sides  []side
	Differ []difference
	Same   string
}

type side struct {
	Mark    string
	Card    card
	Picture *picture
}

type difference struct {
	Name, A, B string
	Mono       bool
}

// compare shows two picked pictures and only what differs; what is the same is one last row.
func (s *Studio) compare(w http.ResponseWriter, r *http.Request, owner string) error {
	view := compareView{layout: s.layout(r.Context(), "Compare · Darkroom", "")}
	picked := r.URL.Query()["pick"]
	if len(picked) != 2 {
		view.Notice = &notice{Title: "Pick two pictures.", Text: fmt.Sprintf("%s picked. Go back to your roll and pick two.", capital(plural(len(picked), "is", "are")))}
		return s.render.html(w, r, http.StatusOK, "compare", view)
	}
	models, err := s.Desk.Models(r.Context())
	if err != nil {
		return err
	}
	var facts [2][]setting
	for i, id := range picked {
		j, err := s.Desk.Read(r.Context(), owner, id)
		if err != nil {
			return err
		}
		shown := side{Mark: string(rune('A' + i)), Card: newCard(j, models)}
		if len(shown.Card.Pictures) > 0 {
			shown.Picture = &shown.Card.Pictures[0]
		}
		shown.Card.Frame = "mat"
		view.Sides = append(view.Sides, shown)
		facts[i] = append([]setting{{Name: "Words", Text: shown.Card.Words}}, settingsOf(j, models)...)
		if j.Metrics.TotalMS != nil {
			facts[i] = append(facts[i], setting{Name: "Took", Text: seconds(*j.Metrics.TotalMS)})
		}
	}
	view.Differ, view.Same = compareSettings(facts[0], facts[1])
	return s.render.html(w, r, http.StatusOK, "compare", view)
}

func compareSettings(a, b []setting) (differ []difference, same string) {
	texts := func(settings []setting) map[string]string {
		found := map[string]string{}
		for _, s := range settings {
			found[s.Name] = s.Text
		}
		return found
	}
	left, right := texts(a), texts(b)
	var equal []string
	seen := map[string]bool{}
	for _, s := range append(append([]setting{}, a...), b...) {
		if seen[s.Name] {
			continue
		}
		seen[s.Name] = true
		if left[s.Name] == right[s.Name] {
			if s.Name != "Prompt" { // the words and the look say it
				equal = append(equal, inRow(s))
			}
			continue
		}
		differ = append(differ, difference{s.Name, orNone(left[s.Name]), orNone(right[s.Name]), s.Mono})
	}
	return differ, strings.Join(equal, " · ")
}

// inRow is a setting among others, where only the name tells what a number is.
func inRow(s setting) string {
	switch s.Name {
	case "Steps":
		return s.Text + " steps"
	case "Guidance", "Seed", "Seeds":
		return strings.ToLower(s.Name) + " " + s.Text
	case "Kept out":
		return "without " + s.Text
	case "Took":
		return "took " + s.Text
	}
	return s.Text
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
