package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"darkroom/gateway/internal/tracing"
)

// pollRoute is what waiting clients ask.
const pollRoute = "GET /v1/jobs/{id}"

type httpMetrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
	polls    *prometheus.CounterVec
}

func newHTTPMetrics(registry prometheus.Registerer) *httpMetrics {
	made := promauto.With(registry)
	m := &httpMetrics{
		requests: made.NewCounterVec(prometheus.CounterOpts{
			Name: "darkroom_http_requests_total", Help: "Requests answered, by route and status; status 0 is a connection that was dropped without an answer.",
		}, []string{"method", "route", "status"}),
		seconds: made.NewHistogramVec(prometheus.HistogramOpts{
			Name: "darkroom_http_request_duration_seconds", Help: "Time from the request's header to the end of its answer, by route. Those that asked to wait for a job's end are left out.",
			Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60},
		}, []string{"method", "route"}),
		inFlight: made.NewGauge(prometheus.GaugeOpts{Name: "darkroom_http_requests_in_flight", Help: "Requests being answered right now."}),
		polls: made.NewCounterVec(prometheus.CounterOpts{
			Name: "darkroom_http_polls_total", Help: "Polls of a job by the API, by whether the answer was the job (200) or that nothing changed (304).",
		}, []string{"answer"}),
	}
	m.begin(http.MethodGet, "none")
	for _, status := range []int{http.StatusOK, http.StatusNotModified} {
		m.polls.WithLabelValues(strconv.Itoa(status))
	}
	return m
}

// begin shows that a route has had no error: a rate has no value before its series has one.
func (m *httpMetrics) begin(method, route string) {
	m.requests.WithLabelValues(method, route, strconv.Itoa(http.StatusInternalServerError))
}

func (m *httpMetrics) count(r *http.Request, w *recorder, took time.Duration) {
	method, route := methodOf(r), routeOf(r)
	m.begin(method, route)
	m.requests.WithLabelValues(method, route, strconv.Itoa(w.status)).Inc()
	if w.Header().Get("Preference-Applied") == "" {
		measure(m.seconds.WithLabelValues(method, route), took.Seconds(), tracing.IDOf(r.Context()))
	}
	if r.Pattern == pollRoute && (w.status == http.StatusOK || w.status == http.StatusNotModified) {
		m.polls.WithLabelValues(strconv.Itoa(w.status)).Inc()
	}
}

// measure leaves an example of a value behind where its trace can be looked at.
func measure(histogram prometheus.Observer, value float64, trace string) {
	if trace == "" {
		histogram.Observe(value)
		return
	}
	histogram.(prometheus.ExemplarObserver).ObserveWithExemplar(value, prometheus.Labels{"trace_id": trace})
}

// methodOf names the methods that exist; a caller may send any word.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}
