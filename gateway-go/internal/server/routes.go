package server

import (
	"errors"
	"log/slog"
	"net/http"
	"path"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"darkroom/gateway/internal/auth"
	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/problem"
	"darkroom/gateway/internal/tracing"
)

// Refuse answers a request with an error.
type Refuse = func(http.ResponseWriter, *http.Request, error)

// Public is everything that people reach: the routes of the API and the studio, behind what holds for every one of them. From the outside in: trace, request
// log and metrics, security headers, rate limit by address, cross-origin protection, and the routes; these ask their gate for the owner.
// What is refused before a route is met is shown to a browser by page, and to a program as a problem.
func Public(mux *http.ServeMux, page Refuse, limits *Limits, proxies auth.Proxies, traces *tracing.Tracing, metrics prometheus.Registerer, log *slog.Logger) http.Handler {
	refuse := toPersonOrProgram(page)
	return traces.Requests(proxies.Proxied, observe(newHTTPMetrics(metrics), proxies, log, secure(limits.byAddress(proxies, refuse, sameOrigin(refuse, route(mux, refuse))))))
}

// toPersonOrProgram shows a page where a browser asks for one, outside the API.
func toPersonOrProgram(page Refuse) Refuse {
	return func(w http.ResponseWriter, r *http.Request, err error) {
		if strings.Contains(r.Header.Get("Accept"), "text/html") && !strings.HasPrefix(r.URL.Path, "/v1/") {
			page(w, r, err)
			return
		}
		problem.Write(w, r, err)
	}
}

// sameOrigin refuses what a browser sends from a page of another site.
func sameOrigin(refuse Refuse, next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse(w, r, &job.Error{Code: problem.CrossOrigin, Message: "A page of another site may not do this."})
	}))
	return protection.Handler(next)
}

// route makes the mux's own refusals ours. A path that is not clean is no path of ours: nothing is redirected.
func route(mux *http.ServeMux, refuse Refuse) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path.Clean(r.URL.Path) != r.URL.Path {
			refuse(w, r, errNoRoute)
			return
		}
		own, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		told := &headerOnly{header: http.Header{}}
		own.ServeHTTP(told, r)
		if told.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", told.header.Get("Allow"))
			refuse(w, r, &job.Error{Code: problem.MethodNotAllowed, Message: "This route does not know the method " + r.Method + "."})
			return
		}
		refuse(w, r, errNoRoute)
	})
}

var errNoRoute error = &job.Error{Code: job.NotFound, Message: "There is no such route. /docs has them all."}

// headerOnly hears what the mux would have answered.
type headerOnly struct {
	header http.Header
	status int
}

func (h *headerOnly) Header() http.Header { return h.header }

func (h *headerOnly) WriteHeader(status int) { h.status = status }

func (h *headerOnly) Write(p []byte) (int, error) { return len(p), nil }

// StatusOf is the HTTP status of an error, for whoever answers with something else than a problem.
func StatusOf(err error) int {
	if errors.Is(err, job.ErrNoAnswer) {
		return http.StatusServiceUnavailable
	}
	return problem.Status(problem.Refusal(err))
}
