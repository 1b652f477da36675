package orders

import (
	"context"
	"slices"
	"sync"
	"time"

	"darkroom/gateway/internal/catalog"
	"darkroom/gateway/internal/job"
)

// fleetAge is how old a picture of the fleet may be: all pollers share one.
const fleetAge = time.Second

// fleet is what is known of workers, lines and paces.
type fleet struct {
	ledger  Ledger
	catalog catalog.Catalog

	mu    sync.Mutex
	taken time.Time
	last  snapshot
}

type snapshot struct {
	workers []job.Worker
	lengths map[string]int
	paces   map[string]time.Duration // 0 while not known
}

func newFleet(l Ledger, c catalog.Catalog) *fleet { return &fleet{ledger: l, catalog: c} }

// look answers a picture of the fleet that is at most a second old. One caller takes it, the others wait for it.
func (f *fleet) look(ctx context.Context) (snapshot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.taken) < fleetAge {
		return f.last, nil
	}
	s := snapshot{workers: []job.Worker{}, lengths: map[string]int{}, paces: map[string]time.Duration{}}
	beats, err := f.ledger.Workers(ctx)
	if err != nil {
		return snapshot{}, err
	}
	for _, beat := range beats {
		s.workers = append(s.workers, beat.Worker)
	}
	for _, m := range f.catalog.Models() {
		if s.lengths[m.ID], err = f.ledger.Length(ctx, m.ID); err != nil {
			return snapshot{}, err
		}
		pace, err := f.ledger.Pace(ctx, m.ID)
		if err != nil {
			return snapshot{}, err
		}
		s.paces[m.ID] = time.Duration(pace) * time.Millisecond
	}
	f.last, f.taken = s, time.Now()
	return s, nil
}

// serving answers the workers that take jobs of a model.
func (s snapshot) serving(model string) []job.Worker {
	var found []job.Worker
	for _, w := range s.workers {
		if slices.Contains(w.Models, model) && (w.State == "ready" || w.State == "busy") {
			found = append(found, w)
		}
	}
	return found
}
