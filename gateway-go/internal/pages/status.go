package pages

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"darkroom/gateway/internal/job"
)

// books is the page /status: the two sides of the ledger, the workers, the lines.
type books struct {
	Since       *line // nil where it is not known
	Counted     *line
	Away        *notice
	Accepted    string
	Ends        []end
	Unaccounted string
	Amiss       bool
	Workers     []workerRow
	Lines       []lineRow
	Word        []promise
}

type promise struct {
	Name string
	Text *line
}

type end struct{ Sign, ID, Name, Count string }

type workerRow struct {
	Name, Doing, Warm, Made, Heard string
	Lit, Quiet                     bool
}

type lineRow struct {
	Name, Wait, Usual string
	Waiting, Workers  int
}

func (s *Studio) status(w http.ResponseWriter, r *http.Request, _ string) error {
	view := struct {
		layout
		Books books
	}{s.layout(r.Context(), "Status · Darkroom", "status"), s.newBooks(r.Context())}
	view.Refresh = 5
	return s.render.html(w, r, http.StatusOK, "status", view)
}

func (s *Studio) pollBooks(w http.ResponseWriter, r *http.Request, _ string) error {
	return s.render.poll(w, r, "books", s.newBooks(r.Context()))
}

func (s *Studio) newBooks(ctx context.Context) books {
	now := s.Desk.Now()
	b := books{Counted: sayAt("%t, again in 5"+nbsp+"s.", "second", now)}
	status, err := s.Desk.Status(ctx)
	if err != nil {
		s.Log.ErrorContext(ctx, "status", "error", err)
		b.Away = &notice{Title: "The books can’t be read right now.", Text: "Pictures already in line go on. They are read again in 5" + nbsp + "s."}
		return b
	}
	ledger := status.Ledger
	b.Accepted, b.Unaccounted, b.Amiss = thousands(ledger.Accepted), thousands(ledger.Unaccounted), ledger.Unaccounted != 0
	b.Ends = []end{
		{"=", "succeeded", "Succeeded", thousands(ledger.Succeeded)}, {"+", "failed", "Failed", thousands(ledger.Failed)},
		{"+", "canceled", "Canceled", thousands(ledger.Canceled)}, {"+", "expired", "Expired", thousands(ledger.Expired)},
		{"+", "in-flight", "In flight", thousands(ledger.InFlight)},
	}
	models := catalogue(status.Models)
	for _, worker := range status.Workers {
		b.Workers = append(b.Workers, newWorkerRow(worker, models, now))
	}
	for _, model := range models {
		row := lineRow{Name: model.Name, Waiting: model.QueueLength, Workers: model.Workers, Wait: "–", Usual: "–"}
		if model.SecondsPerJob != nil && model.SecondsWaiting != nil {
			row.Wait, row.Usual = tenths(*model.SecondsWaiting), tenths(*model.SecondsPerJob)
		}
		b.Lines = append(b.Lines, row)
	}
	if since := status.Word.Since; since != nil {
		b.Since = sayAt("Since %t.", "begin", *since)
	}
	b.Word = s.word(ledger, status.Word)
	return b
}

// word is what is promised, and how far it holds right now.
func (s *Studio) word(ledger job.Ledger, word job.Word) []promise {
	limits := s.Desk.Limits()
	kept := []promise{
		{"An answer at the latest", say(about(float64(limits.DefaultDeadlineSeconds)) + " after asking, or as you allow")},
		{"Pictures are kept", say(days(limits.Retention))},
	}
	if ended := ledger.Succeeded + ledger.Failed; ended > 0 {
		kept = append(kept, promise{"Made, of all that nobody canceled", say(share(ledger.Succeeded, ended))})
	}
	if word.Told > 0 {
		kept = append(kept, promise{"Estimates that held", say(share(word.Held, word.Told) + " of " + thousands(word.Told))})
	}
	lost := say("none")
	if word.Lost != nil {
		lost = sayAt(word.Lost.Name+", silent since %t", "until", word.Lost.SeenAt)
	}
	return append(kept, promise{"Last worker lost", lost}, promise{"Queue, ledger, store", say(s.reachable())})
}

// share is part of whole in percent, never rounded up: 100 % is all.
func share(part, whole int64) string {
	return decimal(math.Floor(float64(part)/float64(whole)*1000)/10) + nbsp + "%"
}

func (s *Studio) reachable() string {
	missing := s.Missing()
	if len(missing) == 0 {
		return "all reachable"
	}
	names := map[string]string{"rabbitmq": "queue", "redis": "ledger", "s3": "store"}
	for i, name := range missing {
		missing[i] = names[name]
	}
	return strings.Join(missing, " and ") + " out of reach"
}

func tenths(s float64) string { return seconds(int64(math.Round(s * 1000))) }

func newWorkerRow(worker job.Worker, models catalogue, now time.Time) workerRow {
	row := workerRow{Name: worker.Name, Made: thousands(int64(worker.MadeToday)), Heard: about(now.Sub(worker.SeenAt).Seconds()) + " ago"}
	var warm []string
	for _, id := range worker.Warm {
		warm = append(warm, models.name(id))
	}
	row.Warm = strings.Join(warm, ", ")
	switch {
	case worker.Loading != nil:
		row.Lit, row.Doing = true, "Loading "+models.name(worker.Loading.Model)
		if left := float64(worker.Loading.ExpectedMS)/1000 - now.Sub(worker.Loading.Since).Seconds(); worker.Loading.ExpectedMS > 0 && left > 0 {
			row.Doing += ", about " + about(left) + " left"
		}
	case atWork(worker):
		row.Lit, row.Doing = true, doing(worker.Stage)
	case worker.State == "draining" || worker.State == "drained":
		row.Quiet, row.Doing = true, "Draining: takes no new pictures"
	case worker.State == "ready":
		row.Quiet, row.Doing = true, "Ready"
	default: // paused, sick
		row.Doing = capital(worker.State)
		if worker.Reason != "" {
			row.Doing += ": " + worker.Reason
		}
	}
	if worker.GPU != "" {
		row.Name = fmt.Sprintf("%s · %s", worker.Name, worker.GPU)
	}
	return row
}

func doing(stage string) string {
	switch stage {
	case "loading_model":
		return "Loading a model"
	case "decoding", "uploading":
		return "Finishing"
	default:
		return "Developing"
	}
}
