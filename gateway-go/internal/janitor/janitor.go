// Package janitor does what nobody waits for: outbox, lost messages, deadlines, seals, dead letters, garbage. It runs in every gateway; every act may be repeated, so none leads.
package janitor

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"darkroom/gateway/internal/broker"
	"darkroom/gateway/internal/failpoint"
	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/ledger"
	"darkroom/gateway/internal/orders"
	"darkroom/gateway/internal/treaty"

	"github.com/prometheus/client_golang/prometheus"
)

// Janitor keeps the house. Its fields are remembered between passes; nothing is lost when they are.
type Janitor struct {
	desk      *orders.Desk
	ledger    Ledger
	broker    Broker
	store     Store
	decode    *treaty.Decoder
	models    []string
	interval  time.Duration
	retention time.Duration
	log       *slog.Logger
	metrics   *metrics

	epoch    string                      // of Redis, "" before the first pass
	suspects map[string]bool             // messages that looked lost in the last pass
	unsent   map[string]map[string]int64 // by model and job: stamps of lost messages whose publish was not confirmed
	swept    string                      // how far the sweep has come
	passes   int
}

// Ledger is what the janitor needs of Redis.
type Ledger interface {
	Now() time.Time
	Resync(context.Context) error
	Epoch(ctx context.Context, candidate string) (string, error)
	Due(ctx context.Context, set string, until time.Time, limit int) ([]string, error)
	All(ctx context.Context, set string) ([]string, error)
	Drop(ctx context.Context, set, id string, belongs func(job.State) bool) (dropped bool, err error)
	DropInflight(context.Context) error
	Forget(ctx context.Context, id, owner string) error
	Read(ctx context.Context, id string) (job.Record, bool, error)
	ReadAll(ctx context.Context, ids []string) (map[string]job.Record, error)
	Published(ctx context.Context, id string, tell bool) (job.State, error)
	Again(ctx context.Context, id string) (publishedAt int64, refused bool, err error)
	Restore(ctx context.Context, m job.Message, outbox bool) (job.State, error)
	Mark(ctx context.Context, model string, before time.Time) (int64, error)
	Workers(context.Context) ([]ledger.Heartbeat, error)
	Lost(context.Context) (int, error)
	Books(context.Context) (job.Ledger, error)
	Waiting(ctx context.Context, model string) (length int, oldest time.Duration, err error)
}

// Broker is what the janitor needs of RabbitMQ.
type Broker interface {
	Publish(context.Context, broker.Envelope) broker.Outcome
	Depth(ctx context.Context, model string) (int, error)
	ConsumeDead(ctx context.Context, bury func(context.Context, broker.Dead) error)
}

// Store is what the janitor needs of S3.
type Store interface {
	Verdict(ctx context.Context, id string) (job.Verdict, bool, error)
	Jobs(ctx context.Context, after string, limit int) ([]string, error)
	Attempts(ctx context.Context, id string) ([]string, error)
	RemovePrefix(ctx context.Context, prefix string) error
	RemoveJob(ctx context.Context, id string) error
}

// New builds a janitor for these models that passes every interval.
func New(desk *orders.Desk, l Ledger, b Broker, s Store, decode *treaty.Decoder, models []string, interval, retention time.Duration, log *slog.Logger, registry prometheus.Registerer) *Janitor {
	unsent := map[string]map[string]int64{}
	for _, model := range models {
		unsent[model] = map[string]int64{}
	}
	return &Janitor{
		desk: desk, ledger: l, broker: b, store: s, decode: decode, models: models, interval: interval, retention: retention,
		log: log, metrics: newMetrics(registry, models), suspects: map[string]bool{}, unsent: unsent,
	}
}

// stepTimeout keeps a step whose dependency hangs from holding up the others.
const stepTimeout = 10 * time.Second

var beforeBurial, afterBurial = failpoint.Around("undertaker")

// Run passes until ctx ends, and reads the dead letters beside it.
func (j *Janitor) Run(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { j.broker.ConsumeDead(ctx, j.undertake) })
	both.Go(func() {
		tick := time.NewTicker(j.interval)
		defer tick.Stop()
		for {
			j.Pass(ctx)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	both.Wait()
}

// undertake is Undertake between its failpoints.
func (j *Janitor) undertake(ctx context.Context, letter broker.Dead) error {
	if err := beforeBurial.Hit(); err != nil {
		return err
	}
	if err := j.Undertake(ctx, letter); err != nil {
		return err
	}
	return afterBurial.Hit()
}

// step is a part of a pass.
type step struct {
	name  string
	every int // passes
	act   func(*Janitor, context.Context) error
	point failpoint.Point
}

// clock is the step before all others.
const clock = "clock"

// steps are in the order of a pass; what is in no hurry waits for some.
var steps = []step{
	{"epoch", 1, (*Janitor).watchEpoch, failpoint.New("epoch")},
	{"deadlines", 1, (*Janitor).endLate, failpoint.New("deadlines")},
	{"outbox", 1, (*Janitor).emptyOutbox, failpoint.New("outbox")},
	{"lost messages", 1, (*Janitor).findLost, failpoint.New("lost")},
	{"seals", 1, (*Janitor).seal, failpoint.New("sealer")},
	{"garbage", 1, (*Janitor).collect, failpoint.New("garbage")},
	{"sweep", 2, (*Janitor).sweep, failpoint.New("sweep")},
	{"strays", 12, (*Janitor).dropStrays, failpoint.New("strays")},
	{"books", 1, (*Janitor).publishBooks, failpoint.New("books")},
}

// Pass does everything once. What fails is tried again in the next pass.
func (j *Janitor) Pass(ctx context.Context) {
	if !j.try(ctx, step{name: clock, act: func(j *Janitor, ctx context.Context) error { return j.ledger.Resync(ctx) }}) {
		return // Redis is away, and with it everything else
	}
	for _, s := range steps {
		if j.passes%s.every == 0 {
			j.try(ctx, s)
		}
	}
	j.metrics.passed.SetToCurrentTime()
	j.passes++
}

func (j *Janitor) try(ctx context.Context, s step) bool {
	limited, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	err := s.point.Hit()
	if err == nil {
		err = s.act(j, limited)
	}
	if err != nil && ctx.Err() == nil {
		j.metrics.failures.WithLabelValues(s.name).Inc()
		j.log.Warn("a janitor's step waits for the next pass", "step", s.name, "error", err)
	}
	return err == nil
}
