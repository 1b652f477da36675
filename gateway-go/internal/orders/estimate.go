package orders

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"darkroom/gateway/internal/job"
)

// The server says when to ask again, in seconds: soon when the end is near, later deep in the line.
const (
	askSoonest     = 0.5
	askLatest      = 5.0
	askWhileMoving = 2.0 // a running job shows its steps
	askUnknown     = 1.0 // no estimate yet
)

// estimate adds to a live job its place, its expected time, why it waits, and when to ask again. A fleet that can't be seen leaves them out.
// Places are positions that are known already; nil where none are.
func (d *Desk) estimate(ctx context.Context, j *job.Job, r job.Record, places map[string]int) {
	j.RetryAfter = askUnknown
	s, err := d.fleet.look(ctx)
	if err != nil {
		return
	}
	if j.Status == job.Running {
		j.ETASeconds = remaining(d.ledger.Now(), *j, s.paces[j.Model])
		j.RetryAfter = pacing(j.ETASeconds, askWhileMoving)
		return
	}
	if places == nil {
		if places, err = d.ledger.Positions(ctx, map[string]string{j.ID: j.Model}); err != nil {
			return
		}
	}
	position := places[j.ID]
	if position > 0 {
		j.QueuePosition = &position
	}
	j.ETASeconds = s.untilDone(j.Model, position)
	j.RetryIn = math.Max(0, time.UnixMilli(r.NotBefore).Sub(d.ledger.Now()).Seconds())
	if j.ETASeconds != nil {
		*j.ETASeconds += j.RetryIn
	}
	j.WaitingFor = new(d.waitingFor(*j, r, s))
	j.RetryAfter = pacing(j.ETASeconds, askLatest)
}

// untilDone is pace × position / workers: nil rather than a guess while no job of the model succeeded, or no worker serves it.
func (s snapshot) untilDone(model string, position int) *float64 {
	workers, pace := len(s.serving(model)), s.paces[model].Seconds()
	if workers == 0 || pace == 0 {
		return nil
	}
	return new(round(pace * math.Max(1, float64(position)/float64(workers))))
}

// remaining of a running job: by its own steps once it has made some, by the model's pace before.
func remaining(now time.Time, j job.Job, pace time.Duration) *float64 {
	if j.StartedAt == nil {
		return nil
	}
	elapsed := math.Max(0, now.Sub(*j.StartedAt).Seconds())
	if p := j.Progress; p.Step > 1 && p.Steps >= p.Step && j.Attempt == 1 {
		return new(round(elapsed / float64(p.Step) * float64(p.Steps-p.Step)))
	}
	if pace == 0 {
		return nil
	}
	return new(round(math.Max(0, pace.Seconds()-elapsed)))
}

func pacing(eta *float64, latest float64) float64 {
	if eta == nil {
		return askUnknown
	}
	return math.Min(latest, math.Max(askSoonest, round(*eta/4)))
}

func round(seconds float64) float64 { return math.Round(seconds*10) / 10 }

// waitingFor says in a sentence why a queued job does not run yet.
func (d *Desk) waitingFor(j job.Job, r job.Record, s snapshot) string {
	name := j.Model
	if m, ok := d.catalog.Find(j.Model); ok {
		name = m.Name
	}
	workers := s.serving(j.Model)
	switch {
	case r.Stage == "retry_wait":
		return fmt.Sprintf("The worker ran into trouble. This will be try %d of %d.", j.Attempt+1, j.MaxAttempts)
	case len(workers) == 0:
		return s.nobody(j.Model, name)
	case j.QueuePosition != nil && *j.QueuePosition > 1:
		return fmt.Sprintf("%s before this one.", jobsGo(*j.QueuePosition-1))
	}
	for _, w := range workers {
		if w.Loading != nil && w.Loading.Model == j.Model {
			return beingLoaded(name, *w.Loading, d.ledger.Now())
		}
	}
	for _, w := range workers {
		if w.State == "ready" {
			return "It is about to start."
		}
	}
	if len(workers) == 1 {
		return workers[0].Name + " is finishing the job before this one."
	}
	return fmt.Sprintf("All %d workers are busy; it starts when the first is free.", len(workers))
}

// beingLoaded tells how long it will still take, by the last load of the model, while that is not over.
func beingLoaded(name string, l job.Loading, now time.Time) string {
	left := time.Duration(l.ExpectedMS)*time.Millisecond - now.Sub(l.Since)
	if left <= 0 {
		return name + " is being loaded."
	}
	return fmt.Sprintf("%s is being loaded, about %.0f s more.", name, math.Ceil(left.Seconds()))
}

// nobody says why no worker takes jobs of a model.
func (s snapshot) nobody(model, name string) string {
	for _, w := range s.workers {
		if reason, barred := w.Barred[model]; barred {
			return fmt.Sprintf("No worker can load %s right now: %s.", name, strings.TrimRight(reason, ". "))
		}
	}
	for _, w := range s.workers {
		for _, served := range w.Models {
			if served == model && w.Reason != "" {
				return fmt.Sprintf("%s, which has %s, is %s: %s", w.Name, name, w.State, w.Reason)
			}
		}
	}
	return fmt.Sprintf("No worker has %s right now. It starts as soon as one is back.", name)
}

func jobsGo(n int) string {
	if n == 1 {
		return "One job goes"
	}
	return fmt.Sprintf("%d jobs go", n)
}
