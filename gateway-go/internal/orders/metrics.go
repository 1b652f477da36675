package orders

import (
	"darkroom/gateway/internal/job"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	accepted *prometheus.CounterVec
	refused  *prometheus.CounterVec
	ended    *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer) *metrics {
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
	}
	registry.MustRegister(m.accepted, m.refused, m.ended)
	return m
}

func (m *metrics) end(v job.Verdict) {
	m.ended.WithLabelValues(string(v.State), codeOf(v)).Inc()
}
