package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/prometheus/client_golang/prometheus"

	"darkroom/gateway/internal/job"
)

const (
	lookTimeout  = 2 * time.Second
	lookInterval = 2 * time.Second
)

// Health says whether this gateway can take orders, and what is missing.
type Health struct {
	Dependencies []*Dependency
	Stopping     context.Context //nolint:containedctx // ends when the server stops: not ready from then on
	Log          *slog.Logger

	missing atomic.Pointer[[]string]
}

// Missing names the dependencies that could not be used when Watch last looked.
func (h *Health) Missing() []string {
	if known := h.missing.Load(); known != nil {
		return *known
	}
	return nil
}

var dependencyUp = prometheus.NewDesc("darkroom_dependency_up", "1 while this gateway can use a service that it needs, as of its last look 2 s ago at most.", []string{"dependency"}, nil)

// Describe implements prometheus.Collector.
func (h *Health) Describe(described chan<- *prometheus.Desc) { described <- dependencyUp }

// Collect implements prometheus.Collector. What nobody has looked at yet is not there.
func (h *Health) Collect(collected chan<- prometheus.Metric) {
	missing := h.missing.Load()
	for _, d := range h.Dependencies {
		up := 0.0
		if missing != nil && !slices.Contains(*missing, d.Name) {
			up = 1
		}
		collected <- prometheus.MustNewConstMetric(dependencyUp, prometheus.GaugeValue, up, d.Name)
	}
}

type readiness struct {
	Ready        bool              `json:"ready"`
	Dependencies map[string]string `json:"dependencies"` // "ok", or what is wrong
}

func (h *Health) live(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, "ok") }

func (h *Health) ready(w http.ResponseWriter, r *http.Request) {
	found, _ := h.look(r.Context())
	status := http.StatusOK
	if !found.Ready {
		status = http.StatusServiceUnavailable
	}
	reply(w, status, found)
}

// look asks every dependency at once. The error is final: a dependency that waiting will not mend.
func (h *Health) look(ctx context.Context) (readiness, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	errs := make([]error, len(h.Dependencies))
	var looks sync.WaitGroup
	for i, d := range h.Dependencies {
		looks.Go(func() { errs[i] = d.look(ctx) })
	}
	looks.Wait()
	found := readiness{Ready: h.Stopping.Err() == nil, Dependencies: map[string]string{}}
	if !found.Ready {
		found.Dependencies["gateway"] = "stopping"
	}
	var final error
	for i, d := range h.Dependencies {
		found.Dependencies[d.Name] = "ok"
		if errs[i] != nil {
			found.Ready, found.Dependencies[d.Name] = false, strings.ReplaceAll(errs[i].Error(), "\n", ": ")
		}
		if errors.Is(errs[i], job.ErrMisconfigured) {
			final = errs[i]
		}
	}
	return found, final
}

// Watch writes into the log which dependency the gateway waits for, and when it is there, until the server stops. The gateway serves all the while.
// The error is a dependency that waiting will not mend: the gateway must not go on.
func (h *Health) Watch() error {
	before := map[string]string{}
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for {
		found, err := h.look(h.Stopping)
		if h.Stopping.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		h.tell(before, found.Dependencies)
		before = found.Dependencies
		var missing []string
		for _, d := range h.Dependencies {
			if found.Dependencies[d.Name] != "ok" {
				missing = append(missing, d.Name)
			}
		}
		h.missing.Store(&missing)
		select {
		case <-h.Stopping.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (h *Health) tell(before, now map[string]string) {
	for name, state := range now {
		switch {
		case state == "ok" && before[name] != "ok":
			h.Log.Info("dependency is there", "dependency", name)
		case state != "ok" && (before[name] == "ok" || before[name] == ""):
			h.Log.Warn("waiting for dependency", "dependency", name, "error", state)
		}
	}
}

// Admit takes nothing before every dependency has proven fit once, because what is accepted must be kept. Reads are let through.
func (h *Health) Admit(gate Gate) Gate {
	return func(w http.ResponseWriter, r *http.Request) (string, error) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			return gate(w, r)
		}
		var missing []string
		for _, d := range h.Dependencies {
			if !d.proven.Load() {
				missing = append(missing, d.Name)
			}
		}
		if len(missing) > 0 {
			told := "Darkroom is starting. It waits for " + strings.Join(missing, ", ") + "."
			return "", &job.Error{Code: job.LedgerUnavailable, Message: told, RetryAfter: lookInterval}
		}
		return gate(w, r)
	}
}

func reply(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.MarshalWrite(w, value, json.Deterministic(true)) // whoever hung up misses it
}
