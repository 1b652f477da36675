package server

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	probeTimeout  = 2 * time.Second
	watchInterval = 2 * time.Second
)

// Check asks one dependency whether it can be used.
type Check struct {
	Name  string
	Probe func(context.Context) error
}

// Health says whether this gateway can take orders, and what is missing.
type Health struct {
	Checks   []Check
	Stopping context.Context //nolint:containedctx // ends when the server stops: not ready from then on
	Log      *slog.Logger
}

type readiness struct {
	Ready  bool              `json:"ready"`
	Checks map[string]string `json:"checks"` // "ok", or what is wrong
}

func (h *Health) live(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, "ok") }

func (h *Health) ready(w http.ResponseWriter, r *http.Request) {
	found := h.look(r.Context())
	status := http.StatusOK
	if !found.Ready {
		status = http.StatusServiceUnavailable
	}
	reply(w, status, found)
}

func (h *Health) look(ctx context.Context) readiness {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	found := readiness{Ready: h.Stopping.Err() == nil, Checks: map[string]string{}}
	if !found.Ready {
		found.Checks["gateway"] = "stopping"
	}
	var mu sync.Mutex
	var probes sync.WaitGroup
	for _, check := range h.Checks {
		probes.Go(func() {
			err := check.Probe(ctx)
			mu.Lock()
			defer mu.Unlock()
			found.Checks[check.Name] = "ok"
			if err != nil {
				found.Ready, found.Checks[check.Name] = false, err.Error()
			}
		})
	}
	probes.Wait()
	return found
}

// Watch writes into the log which dependency the gateway waits for, and when it is there, until the server stops. The gateway serves all the while.
func (h *Health) Watch() {
	before := map[string]string{}
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		found := h.look(h.Stopping)
		if h.Stopping.Err() != nil {
			return
		}
		for name, state := range found.Checks {
			if state == before[name] {
				continue
			}
			if state == "ok" {
				h.Log.Info("dependency is there", "dependency", name)
			} else if before[name] == "ok" || before[name] == "" {
				h.Log.Warn("waiting for dependency", "dependency", name, "error", state)
			}
		}
		before = found.Checks
		select {
		case <-h.Stopping.Done():
			return
		case <-tick.C:
		}
	}
}

func reply(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.MarshalWrite(w, value) // whoever hung up misses it
}
