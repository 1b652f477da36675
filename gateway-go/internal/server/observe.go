package server

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"darkroom/gateway/internal/auth"
	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/problem"
)

// observe gives every request an id, a log line and its metrics, and turns a panic into a 500. It must hand the very request to the mux that it reads
// afterwards: the mux writes the route and the path's values into it.
func observe(metrics *httpMetrics, proxies auth.Proxies, log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(raw http.ResponseWriter, r *http.Request) {
		w := &recorder{ResponseWriter: raw}
		w.Header().Set("X-Request-Id", newRequestID())
		began := time.Now()
		metrics.inFlight.Inc()
		defer func() {
			dropped := recovered(w, r, recover())
			metrics.inFlight.Dec()
			metrics.count(r, w, time.Since(began))
			logRequest(log, w, r, proxies, time.Since(began), dropped)
			if dropped {
				panic(http.ErrAbortHandler) // net/http drops the connection
			}
		}()
		next.ServeHTTP(w, r)
		if w.status == 0 {
			w.status = http.StatusOK // what net/http sends for an empty answer
		}
	})
}

// recovered answers a panic with a 500 as long as nothing was sent, and reports whether the connection must be dropped.
func recovered(w *recorder, r *http.Request, panicked any) (dropped bool) {
	if panicked == nil {
		return false
	}
	if err, ok := panicked.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		return true
	}
	err := fmt.Errorf("panic: %v\n%s", panicked, debug.Stack())
	if w.status != 0 || r.Context().Err() != nil {
		w.Blame(err)
		return true
	}
	problem.Write(w, r, err)
	return false
}

// logRequest writes the one line of a request. Reads that went well are for debugging only: ten thousand people poll.
func logRequest(log *slog.Logger, w *recorder, r *http.Request, proxies auth.Proxies, took time.Duration, dropped bool) {
	level := slog.LevelInfo
	switch {
	case w.status >= http.StatusInternalServerError, w.blamed != nil && !isRefusal(w.blamed):
		level = slog.LevelError
	case (r.Method == http.MethodGet || r.Method == http.MethodHead) && w.status < http.StatusBadRequest && !dropped:
		level = slog.LevelDebug
	}
	if !log.Enabled(r.Context(), level) {
		return
	}
	fields := []slog.Attr{
		slog.String("method", r.Method), slog.String("route", routeOf(r)), slog.Int("status", w.status), slog.Int64("bytes", w.bytes),
		slog.Float64("ms", float64(took.Microseconds())/1000), slog.String("client", proxies.Client(r).String()), slog.String("request_id", w.Header().Get("X-Request-Id")),
	}
	if id := jobOf(w, r); id != "" {
		fields = append(fields, slog.String("job_id", id))
	}
	if dropped {
		fields = append(fields, slog.Bool("dropped", true))
	}
	if w.blamed != nil {
		fields = append(fields, slog.String("error", w.blamed.Error()))
	}
	log.LogAttrs(r.Context(), level, "request", fields...)
}

// isRefusal reports whether the caller was told no for a reason of theirs, which is no error of ours.
func isRefusal(err error) bool {
	var refusal *job.Error
	return errors.Is(err, job.ErrNoAnswer) || errors.As(err, &refusal) && problem.Status(problem.Refusal(err)) < http.StatusInternalServerError
}

// jobOf is the job that a request is about: in its path, or the one it made.
func jobOf(w *recorder, r *http.Request) string {
	id := r.PathValue("id")
	if made := w.Header().Get("Location"); made != "" {
		id = path.Base(made)
	}
	if _, _, err := job.Times(id); err != nil {
		return ""
	}
	return id
}

// routeOf is the pattern that a request met, without its method; what met none is not named, so that nobody can fill the metrics with names.
func routeOf(r *http.Request) string {
	if r.Pattern == "" {
		return "none"
	}
	_, route, _ := strings.Cut(r.Pattern, " ")
	return route
}

func newRequestID() string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails, by its documentation
	return hex.EncodeToString(random[:])
}
