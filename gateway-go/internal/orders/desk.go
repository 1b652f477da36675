// Package orders is what can be done to a job, one file an act: submit, read, wait, cancel, delete, list, image.
// The JSON API and the page both only translate to it. Errors are *job.Error, or job.ErrNoAnswer: then the connection must be dropped.
package orders

import (
	"context"
	"io"
	"log/slog"
	"time"

	"darkroom/gateway/internal/broker"
	"darkroom/gateway/internal/catalog"
	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/ledger"

	"github.com/prometheus/client_golang/prometheus"
)

// Desk takes orders. It is stateless: any gateway's desk can serve any job.
type Desk struct {
	keys     job.Keys
	catalog  catalog.Catalog
	ledger   Ledger
	broker   Broker
	store    Store
	rules    Rules
	log      *slog.Logger
	metrics  *metrics
	fleet    *fleet
	verified *verified
	told     *told
}

// Rules are the limits that an operator sets.
type Rules struct {
	QueueLimit int           // waiting jobs of one model
	OwnerLimit int           // unfinished jobs of one owner, 0 = none
	Retention  time.Duration // how long an ended job is kept
}

// Ledger is what the desk needs of Redis.
type Ledger interface {
	Now() time.Time
	Submit(context.Context, ledger.Submission) (ledger.Submitted, error)
	Published(ctx context.Context, id string, tell bool) (job.State, error)
	Abandon(ctx context.Context, id string) (job.State, error)
	Settle(ctx context.Context, v job.Verdict, unsealed bool) (ledger.Settled, error)
	Entomb(ctx context.Context, id, owner, gone string, gcAt int64) error
	Look(ctx context.Context, id string, at time.Time) error
	Unsealed(ctx context.Context, id string) (bool, error)
	Drop(ctx context.Context, set, id string, belongs func(job.State) bool) (dropped bool, err error)
	Read(ctx context.Context, id string) (job.Record, bool, error)
	ReadAll(ctx context.Context, ids []string) (map[string]job.Record, error)
	List(ctx context.Context, owner, after string, limit int) (ids []string, total int, err error)
	Positions(ctx context.Context, waiting map[string]string) (map[string]int, error)
	Lines(ctx context.Context, models []string) ([]ledger.Line, error)
	MadeToday(ctx context.Context) (map[string]int, error)
	Workers(context.Context) ([]ledger.Heartbeat, error)
	Books(context.Context) (job.Ledger, error)
	Word(context.Context) (job.Word, error)
	CountEstimate(ctx context.Context, held bool) error
	Preview(ctx context.Context, id string) ([]byte, error)
}

// Broker is what the desk needs of RabbitMQ.
type Broker interface {
	Publish(context.Context, broker.Envelope) broker.Outcome
}

// Store is what the desk needs of S3.
type Store interface {
	PutVerdict(context.Context, job.Verdict) (job.Verdict, error)
	OverwriteVerdict(context.Context, job.Verdict) error
	Verdict(ctx context.Context, id string) (job.Verdict, bool, error)
	Attempts(ctx context.Context, id string) ([]string, error)
	RemovePrefix(ctx context.Context, prefix string) error
	Verify(context.Context, job.Image) (etag string, err error)
	Stream(ctx context.Context, key, etag string, offset int64) (io.ReadCloser, error)
}

// New builds a desk.
func New(keys job.Keys, models catalog.Catalog, l Ledger, b Broker, s Store, rules Rules, log *slog.Logger, registry prometheus.Registerer) *Desk {
	return &Desk{
		keys: keys, catalog: models, ledger: l, broker: b, store: s, rules: rules, log: log,
		metrics: newMetrics(registry, models, rules), fleet: newFleet(l, models), verified: newVerified(), told: newTold(),
	}
}

// retention in ms, as verdicts count it.
func (d *Desk) retention() int64 { return d.rules.Retention.Milliseconds() }
