package job

import (
	"slices"
	"time"
)

// ServiceStatus is the state of the whole service: its books, its workers, its lines.
type ServiceStatus struct {
	Ledger  Ledger   `json:"ledger"`
	Workers []Worker `json:"workers"`
	Models  []Model  `json:"models"` // each with its line
	Word    Word     `json:"word"`
}

// Word is what a service can be held to: since when it counts, and how its promises turned out.
type Word struct {
	Since *time.Time  `json:"since"` // when the books began; null where they are older than this mark
	Told  int64       `json:"told"`  // succeeded jobs that were given an estimate at their submission
	Held  int64       `json:"held"`  // of these, by how many it held: within a second or a fifth of it
	Lost  *LostWorker `json:"lost"`  // the last one, null where none is missing
}

// LostWorker fell silent without taking its leave, and did not come back.
type LostWorker struct {
	Name   string    `json:"name"`
	SeenAt time.Time `json:"seen_at"`
}

// Ledger is the published count: Accepted = Succeeded + Failed + Canceled + Expired + InFlight + Unaccounted.
type Ledger struct {
	Accepted    int64 `json:"accepted"`
	Succeeded   int64 `json:"succeeded"`
	Failed      int64 `json:"failed"`
	Canceled    int64 `json:"canceled"`
	Expired     int64 `json:"expired"`
	InFlight    int64 `json:"in_flight"`
	Unaccounted int64 `json:"unaccounted"`
}

// Worker is one live worker process, as its heartbeat tells.
type Worker struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Models  []string `json:"models"` // it serves
	Warm    []string `json:"warm"`   // it holds in memory
	State   string   `json:"state"`  // ready, busy, paused, draining, drained, sick
	Reason  string   `json:"reason"` // why it is paused or sick
	Stage   string   `json:"stage"`  // of the job it works on
	Loading *Loading `json:"loading"`

	Barred map[string]string `json:"barred"` // models that it cannot draw with right now -> why

	GPU       string    `json:"gpu"`
	Held      int       `json:"held"` // messages it has taken
	StartedAt time.Time `json:"started_at"`
	SeenAt    time.Time `json:"seen_at"`
	MadeToday int       `json:"made_today"` // jobs since midnight UTC; counted for ServiceStatus alone
}

// Serves reports whether the worker can draw with the model.
func (w Worker) Serves(model string) bool {
	_, barred := w.Barred[model]
	return !barred && slices.Contains(w.Models, model)
}

// Loading is a model being read into memory.
type Loading struct {
	Model      string    `json:"model"`
	Since      time.Time `json:"since"`
	ExpectedMS int64     `json:"expected_ms"`
}
