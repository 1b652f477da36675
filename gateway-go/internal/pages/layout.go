package pages

import (
	"context"
	"net/http"
	"strings"

	"darkroom/gateway/internal/job"
)

// layout is what every page shows besides its own matter.
type layout struct {
	Title   string
	Way     string // which link of the head is this page: studio, status, docs or none
	Refresh int    // seconds after which a page without script loads itself again; 0 = never
	Strip   strip
}

// strip is the one line about the service on every page.
type strip struct {
	Lit     bool // a worker is developing or loading
	Workers int
	InLine  int
	Warm    string
	Away    string
}

func (s *Studio) layout(ctx context.Context, title, way string) layout {
	workers, err := s.Desk.Workers(ctx)
	var models []job.Model
	if err == nil {
		models, err = s.Desk.Models(ctx)
	}
	if err != nil {
		s.Log.WarnContext(ctx, "workers for the strip", "error", err)
		return layout{Title: title, Way: way, Strip: strip{Away: "cannot be counted right now"}}
	}
	return layout{Title: title, Way: way, Strip: newStrip(workers, models)}
}

func newStrip(workers []job.Worker, models []job.Model) strip {
	line := strip{Workers: len(workers)}
	for _, worker := range workers {
		line.Lit = line.Lit || atWork(worker)
	}
	var warm []string
	for _, model := range models {
		line.InLine += model.QueueLength
		if model.Warm > 0 {
			warm = append(warm, model.Name)
		}
	}
	switch len(warm) {
	case 0:
	case 1:
		line.Warm = warm[0] + " is warm"
	default:
		line.Warm = strings.Join(warm[:len(warm)-1], ", ") + " and " + warm[len(warm)-1] + " are warm"
	}
	return line
}

// atWork reports whether a worker is developing or loading. A heartbeat that was written at a delivery still says ready, and names what it holds.
func atWork(worker job.Worker) bool {
	return worker.State == "busy" || worker.Loading != nil || worker.State == "ready" && worker.Held > 0
}

func (s *Studio) pollStrip(w http.ResponseWriter, r *http.Request, _ string) error {
	return s.render.poll(w, r, "strip", s.layout(r.Context(), "", "").Strip)
}
