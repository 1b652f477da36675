package pages

import (
	"errors"
	"math"
	"net/http"
	"path"
	"slices"
	"time"

	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/problem"
)

// notice is trouble in two parts: what, and what it means.
type notice struct {
	Title, Text string
	Again       bool // a button that submits the same once more
}

// refusal answers the refusal inside err; anything else is an outage of ours.
func refusal(err error) *job.Error {
	var refused *job.Error
	if errors.As(err, &refused) {
		return refused
	}
	return &job.Error{Code: job.LedgerUnavailable, Err: err}
}

// newNotice says what a refusal means for somebody who wanted a picture.
func newNotice(refused *job.Error) *notice {
	again := retryIn(refused.RetryAfter)
	switch refused.Code {
	case job.QueueFull:
		return &notice{Title: "The line is full.", Text: "This picture was not taken. There should be room in about " + again + ".", Again: true}
	case job.QuotaExceeded, job.RateLimited:
		return &notice{Title: "One moment.", Text: refused.Message + " This picture was not taken. Try again in about " + again + ".", Again: true}
	case job.BrokerUnavailable, job.StorageUnavailable, job.LedgerUnavailable:
		return &notice{Title: "Darkroom can’t take pictures right now.", Text: "Nothing was submitted, and pictures already in line go on. Try again in about " + again + ".", Again: true}
	default:
		return &notice{Title: "Not taken.", Text: refused.Message}
	}
}

func retryIn(d time.Duration) string {
	if d <= 0 {
		d = 5 * time.Second
	}
	return about(math.Ceil(d.Seconds()))
}

// Refuse answers a whole page with the refusal's own status; also for an address that is none of the studio's.
func (s *Studio) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	blame(w, err)
	problem.Headers(w, problem.Refusal(err))
	view := struct {
		layout
		Heading, Text string
	}{s.layout(r.Context(), "Darkroom", ""), "Darkroom can’t be reached", "Part of it is away for the moment. Pictures already in line go on; what you have is kept. Load this page again in a few seconds."}
	switch refused := refusal(err); refused.Code {
	case job.BrokerUnavailable, job.StorageUnavailable, job.LedgerUnavailable:
	case job.NotFound:
		if r.Pattern == "" {
			view.Heading, view.Text = "No such page", "There is nothing at this address."
			break
		}
		view.Heading, view.Text = "No such picture", "There is no picture here, or it belongs to somebody else."
	case job.Gone:
		view.Heading, view.Text = "This picture is gone", "It was deleted, or its time was over. Its settings are gone with it."
	case job.Unauthorized:
		view.Heading, view.Text = "Not allowed", refused.Message
	case job.RateLimited:
		view.Heading, view.Text = "One moment", refused.Message+" Load this page again in about "+retryIn(refused.RetryAfter)+"."
	default:
		view.Heading, view.Text = "Not done", refused.Message
	}
	if err := s.render.html(w, r, s.StatusOf(err), "trouble", view); err != nil {
		blame(w, err)
		http.Error(w, "Darkroom is in trouble.", http.StatusInternalServerError)
	}
}

// troubleFragment answers 200: a job that is gone gets its last card, any other trouble adds a sentence to what is kept on the page.
func (s *Studio) troubleFragment(w http.ResponseWriter, r *http.Request, err error) {
	blame(w, err)
	refused, id := refusal(err), r.PathValue("id")
	told := notice{Title: "Darkroom can’t be reached.", Text: "What you see is kept, and pictures already in line go on. Next try in " + retryIn(refused.RetryAfter) + "."}
	anew := slices.Contains([]string{"again", "vary", "enlarge"}, path.Base(r.URL.Path)) // asked for another picture: nothing is swapped but partials
	if anew {
		told = *newNotice(refused)
	}
	name, view := "trouble-fragment", any(struct {
		ID string
		notice
	}{id, told})
	if refused.Code == job.NotFound || refused.Code == job.Gone {
		name, view = "card", goneCard(id)
		switch {
		case anew:
			name = "gone-fragment"
		case r.Pattern == "GET /jobs/{id}/sheet":
			name, view = "sheet", sheet{Card: goneCard(id), Taken: &line{}}
		}
	}
	if r.Pattern == "GET /roll" {
		name, view = "roll-away", studioView{Next: r.URL.Query().Get("cursor")}
	}
	if err := s.render.passing(w, name, view); err != nil {
		blame(w, err)
	}
}

// blame hands the error to the request's log line, so that it is logged once.
func blame(w http.ResponseWriter, err error) {
	if log, ok := w.(interface{ Blame(error) }); ok {
		log.Blame(err)
	}
}

// goneCard is the last card of a job that was deleted elsewhere or outlived its time.
func goneCard(id string) card {
	return card{
		ID: id, State: "expired", Frame: "well", Heading: "Gone", Announce: "Gone", Left: say("Gone"), Right: short(id),
		Lead: say("This picture was deleted, or its time was over."), Words: "No longer on record", Wordless: true, CanClear: true,
	}
}
