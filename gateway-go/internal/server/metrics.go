package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
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
	return &httpMetrics{
		requests: made.NewCounterVec(prometheus.CounterOpts{
			Name: "darkroom_http_requests_total", Help: "Requests answered, by route and status; status 0 is a connection that was dropped without an answer.",
		}, []string{"method", "route", "status"}),
		seconds: made.NewHistogramVec(prometheus.HistogramOpts{
			Name: "darkroom_http_request_duration_seconds", Help: "Time from the request's header to the end of its answer, by route.",
			Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60},
		}, []string{"method", "route"}),
		inFlight: made.NewGauge(prometheus.GaugeOpts{Name: "darkroom_http_requests_in_flight", Help: "Requests being answered right now."}),
		polls: made.NewCounterVec(prometheus.CounterOpts{
			Name: "darkroom_http_polls_total", Help: "Polls of a job by the API, by whether the answer was the job (200) or that nothing changed (304).",
		}, []string{"answer"}),
	}
}

func (m *httpMetrics) count(r *http.Request, status int, took time.Duration) {
	method, route := methodOf(r), routeOf(r)
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(method, route).Observe(took.Seconds())
	if r.Pattern == pollRoute && (status == http.StatusOK || status == http.StatusNotModified) {
		m.polls.WithLabelValues(strconv.Itoa(status)).Inc()
	}
}

// methodOf names the methods that exist; a caller may send any word.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}
