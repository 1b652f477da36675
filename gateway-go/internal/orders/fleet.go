package orders

import (
	"context"
	"sync"
	"time"

	"darkroom/gateway/internal/catalog"
	"darkroom/gateway/internal/job"
)

// A picture of the fleet is shared by all pollers.
const (
	fleetAge   = time.Second     // past which somebody takes another
	fleetStale = 5 * time.Second // past which the others wait for that one
)

// fleet is what is known of workers, lines and paces.
type fleet struct {
	ledger  Ledger
	catalog catalog.Catalog

	taking chan struct{} // holds the place of the one who takes a picture
	mu     sync.Mutex    // guards what is below
	taken  time.Time
	last   snapshot
}

type snapshot struct {
	workers []job.Worker
	lengths map[string]int
	paces   map[string]time.Duration // 0 while not known
	waits   map[string]time.Duration
}

func newFleet(l Ledger, c catalog.Catalog) *fleet {
	return &fleet{ledger: l, catalog: c, taking: make(chan struct{}, 1)}
}

// look answers a picture of the fleet that is about a second old. One caller takes the next; a slow Redis makes only that one wait.
func (f *fleet) look(ctx context.Context) (snapshot, error) {
	if s, age := f.known(); age < fleetAge {
		return s, nil
	}
	select {
	case f.taking <- struct{}{}:
	default:
		if s, age := f.known(); age < fleetStale {
			return s, nil
		}
		select {
		case f.taking <- struct{}{}:
		case <-ctx.Done():
			return snapshot{}, ctx.Err()
		}
	}
	defer func() { <-f.taking }()
	if s, age := f.known(); age < fleetAge { // somebody was faster
		return s, nil
	}
	s, err := f.take(ctx)
	if err != nil {
		return snapshot{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last, f.taken = s, time.Now()
	return s, nil
}

func (f *fleet) known() (s snapshot, age time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last, time.Since(f.taken)
}

func (f *fleet) take(ctx context.Context) (snapshot, error) {
	s := snapshot{workers: []job.Worker{}, lengths: map[string]int{}, paces: map[string]time.Duration{}, waits: map[string]time.Duration{}}
	beats, err := f.ledger.Workers(ctx)
	if err != nil {
		return snapshot{}, err
	}
	for _, beat := range beats {
		s.workers = append(s.workers, beat.Worker)
	}
	var ids []string
	for _, m := range f.catalog.Models() {
		ids = append(ids, m.ID)
	}
	lines, err := f.ledger.Lines(ctx, ids)
	if err != nil {
		return snapshot{}, err
	}
	for i, id := range ids {
		s.lengths[id], s.paces[id], s.waits[id] = lines[i].Length, lines[i].Pace, lines[i].Wait
	}
	return s, nil
}

// serving answers the workers that take jobs of a model.
func (s snapshot) serving(model string) []job.Worker {
	var found []job.Worker
	for _, w := range s.workers {
		if w.Serves(model) && (w.State == "ready" || w.State == "busy") {
			found = append(found, w)
		}
	}
	return found
}
