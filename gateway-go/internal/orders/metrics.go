package orders

import (
	"time"

	"darkroom/gateway/internal/catalog"
	"darkroom/gateway/internal/job"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	accepted *prometheus.CounterVec
	refused  *prometheus.CounterVec
	ended    *prometheus.CounterVec
	missed   *prometheus.HistogramVec
}

// noAnswer is the code of a submit whose connection was dropped.
const noAnswer = "no_answer"

func newMetrics(registry prometheus.Registerer, models catalog.Catalog, rules Rules) *metrics {
	m := &metrics{
		accepted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "darkroom_jobs_accepted_total", Help: "Jobs that this gateway answered 202 for, replays left out.",
		}, []string{"model"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "darkroom_jobs_refused_total", Help: "Submits that this gateway refused, by code; no_answer where the connection was dropped.",
		}, []string{"code"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "darkroom_jobs_ended_total", Help: "Jobs whose end this gateway wrote, by state and error code: a cancel, a deadline, a lost state, a dead letter.",
		}, []string{"state", "code"}),
		missed: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "darkroom_eta_error_seconds", Help: "By how much succeeded jobs ended later, or earlier, than their submitters were told.",
			Buckets: []float64{0.5, 1, 2, 5, 10, 30, 60, 300},
		}, []string{"direction"}),
	}
	limit := prometheus.NewGauge(prometheus.GaugeOpts{Name: "darkroom_queue_limit_jobs", Help: "How many jobs of one model may wait; more are refused."})
	limit.Set(float64(rules.QueueLimit))
	registry.MustRegister(m.accepted, m.refused, m.ended, m.missed, limit)
	m.begin(models)
	return m
}

// begin shows the zeros: a rate has no value before its series has one.
func (m *metrics) begin(models catalog.Catalog) {
	for _, model := range models.Models() {
		m.accepted.WithLabelValues(model.ID)
	}
	for _, code := range []job.Code{job.InvalidRequest, job.QueueFull, job.QuotaExceeded, job.BrokerUnavailable, job.StorageUnavailable, job.LedgerUnavailable} {
		m.refused.WithLabelValues(string(code))
	}
	m.refused.WithLabelValues(noAnswer)
	m.ended.WithLabelValues(string(job.StateCanceled), job.FailedCanceled)
	for _, code := range []string{job.FailedDeadline, job.FailedStateLost, job.FailedPoison} {
		m.ended.WithLabelValues(string(job.StateFailed), code)
	}
	for _, direction := range []string{"early", "late"} {
		m.missed.WithLabelValues(direction)
	}
}

func (m *metrics) end(v job.Verdict) {
	m.ended.WithLabelValues(string(v.State), codeOf(v)).Inc()
}

// miss counts a job that ended so much later than was told.
func (m *metrics) miss(late time.Duration) {
	if late < 0 {
		m.missed.WithLabelValues("early").Observe(-late.Seconds())
		return
	}
	m.missed.WithLabelValues("late").Observe(late.Seconds())
}
