package janitor

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	republished *prometheus.CounterVec
	dead        *prometheus.CounterVec
	swept       prometheus.Counter
	losses      prometheus.Counter
	books       *prometheus.GaugeVec
	unaccounted prometheus.Gauge
	waiting     *prometheus.GaugeVec
	oldest      *prometheus.GaugeVec
	lost        prometheus.Gauge
	sealed      prometheus.Counter
	failures    *prometheus.CounterVec
	passed      prometheus.Gauge
}

func newMetrics(registry prometheus.Registerer, models []string) *metrics {
	m := &metrics{
		republished: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "darkroom_republished_total", Help: "Job messages published again: from the outbox, because they were lost, or because they died.",
		}, []string{"reason"}),
		dead: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "darkroom_dead_letters_total", Help: "Dead letters by what became of them.",
		}, []string{"outcome"}),
		swept:  prometheus.NewCounter(prometheus.CounterOpts{Name: "darkroom_swept_prefixes_total", Help: "Prefixes of images removed because no verdict names them, or by age."}),
		losses: prometheus.NewCounter(prometheus.CounterOpts{Name: "darkroom_redis_data_losses_total", Help: "Times that Redis came back without its data."}),
		books: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "darkroom_ledger_jobs", Help: "The ledger: accepted jobs and what became of them, over all gateways.",
		}, []string{"entry"}),
		unaccounted: prometheus.NewGauge(prometheus.GaugeOpts{Name: "darkroom_jobs_unaccounted", Help: "Accepted jobs that nobody can say the state of. It must be 0."}),
		waiting:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "darkroom_queue_jobs", Help: "Jobs waiting in the line of a model."}, []string{"model"}),
		oldest: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "darkroom_queue_oldest_seconds", Help: "How long ago the oldest job in the line of a model was submitted; 0 when nobody waits.",
		}, []string{"model"}),
		lost: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "darkroom_workers_lost", Help: "Workers that fell silent within the last hour and did not leave in good order.",
		}),
		sealed: prometheus.NewCounter(prometheus.CounterOpts{Name: "darkroom_sealed_late_total", Help: "Verdicts written into S3 later than their jobs ended, because S3 was away."}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "darkroom_janitor_step_failures_total", Help: "Steps of the janitor that failed and wait for the next pass.",
		}, []string{"step"}),
		passed: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "darkroom_janitor_last_pass_timestamp_seconds", Help: "When this gateway's janitor last came through with Redis answering, in seconds since 1970; 0 before.",
		}),
	}
	for _, outcome := range []string{"ended", "garbage", "late", "poison", "restored", "revived", "running", "too_old"} {
		m.dead.WithLabelValues(outcome)
	}
	m.failures.WithLabelValues(clock)
	for _, s := range steps {
		m.failures.WithLabelValues(s.name)
	}
	for _, model := range models { // nobody waits as long as nobody was counted
		m.waiting.WithLabelValues(model)
		m.oldest.WithLabelValues(model)
	}
	for _, reason := range []string{"outbox", "lost", "dead"} {
		m.republished.WithLabelValues(reason)
	}
	registry.MustRegister(m.republished, m.dead, m.swept, m.losses, m.books, m.unaccounted, m.waiting, m.oldest, m.lost, m.sealed, m.failures, m.passed)
	return m
}

// publishBooks shows the ledger to Prometheus.
func (j *Janitor) publishBooks(ctx context.Context) error {
	books, err := j.ledger.Books(ctx)
	if err != nil {
		return err
	}
	for entry, count := range map[string]int64{
		"accepted": books.Accepted, "succeeded": books.Succeeded, "failed": books.Failed, "canceled": books.Canceled, "expired": books.Expired, "in_flight": books.InFlight,
	} {
		j.metrics.books.WithLabelValues(entry).Set(float64(count))
	}
	j.metrics.unaccounted.Set(float64(books.Unaccounted))
	for _, model := range j.models {
		length, oldest, err := j.ledger.Waiting(ctx, model)
		if err != nil {
			return err
		}
		j.metrics.waiting.WithLabelValues(model).Set(float64(length))
		j.metrics.oldest.WithLabelValues(model).Set(oldest.Seconds())
	}
	lost, err := j.ledger.Lost(ctx)
	if err != nil {
		return err
	}
	j.metrics.lost.Set(float64(lost))
	return nil
}
