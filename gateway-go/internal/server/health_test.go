package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"darkroom/gateway/internal/job"
)

func TestReadinessSaysWhichDependencyIsMissing(t *testing.T) {
	stopping, stop := context.WithCancel(t.Context())
	away := errors.New("connection refused")
	health := &Health{Stopping: stopping, Log: slog.New(slog.DiscardHandler), Dependencies: []*Dependency{
		{Name: "redis", Ready: func(context.Context) error { return nil }},
		{Name: "rabbitmq", Ready: func(context.Context) error { return away }},
	}}
	admin := Admin(health, prometheus.NewRegistry())
	ask := func(path string) (int, string) {
		recorder := httptest.NewRecorder()
		admin.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
		return recorder.Code, strings.TrimSpace(recorder.Body.String())
	}
	if status, body := ask("/readyz"); status != 503 || body != `{"ready":false,"dependencies":{"rabbitmq":"connection refused","redis":"ok"}}` {
		t.Errorf("%d: %s", status, body)
	}
	away = nil
	if status, body := ask("/readyz"); status != 200 {
		t.Errorf("all there: %d: %s", status, body)
	}
	stop()
	if status, body := ask("/readyz"); status != 503 || !strings.Contains(body, "stopping") {
		t.Errorf("stopping: %d: %s", status, body)
	}
	if status, _ := ask("/healthz"); status != 200 {
		t.Errorf("the process is up, but /healthz says %d", status)
	}
}

func TestADependencyThatWaitingWillNotMendEndsTheWatch(t *testing.T) {
	health := &Health{Stopping: t.Context(), Log: slog.New(slog.DiscardHandler), Dependencies: []*Dependency{
		{Name: "redis", Prove: func(context.Context) error { return fmt.Errorf("%w: eviction", job.ErrMisconfigured) }},
	}}
	if err := health.Watch(); !errors.Is(err, job.ErrMisconfigured) {
		t.Errorf("got %v", err)
	}
}

func TestNothingIsTakenBeforeEveryDependencyHasProvenFit(t *testing.T) {
	fit := errors.New("not yet")
	health := &Health{Stopping: t.Context(), Log: slog.New(slog.DiscardHandler), Dependencies: []*Dependency{
		{Name: "s3", Prove: func(context.Context) error { return fit }, Ready: func(context.Context) error { return nil }},
	}}
	gate := health.Admit(func(http.ResponseWriter, *http.Request) (string, error) { return "somebody", nil })
	enter := func(method string) error {
		_, err := gate(httptest.NewRecorder(), httptest.NewRequest(method, "/v1/jobs", nil))
		return err
	}
	var refusal *job.Error
	if _, err := health.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := enter(http.MethodPost); !errors.As(err, &refusal) || refusal.Code != job.LedgerUnavailable || !strings.Contains(refusal.Message, "s3") || refusal.RetryAfter == 0 {
		t.Errorf("got %v", err)
	}
	if err := enter(http.MethodGet); err != nil {
		t.Errorf("a read: %v", err)
	}
	fit = nil
	if _, err := health.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := enter(http.MethodPost); err != nil {
		t.Errorf("proven: %v", err)
	}
}

func TestTheMetricsAreCleanAndCountPolls(t *testing.T) {
	e := newEdge(t)
	first, _ := e.send(t, http.MethodGet, "/v1/jobs/"+someID, "")
	e.send(t, http.MethodGet, "/v1/jobs/"+someID, "", "If-None-Match: "+first.Header.Get("Etag"))
	e.send(t, "BREW", "/"+words(50), "")
	recorder := httptest.NewRecorder()
	Admin(&Health{}, e.metrics).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	text, _ := io.ReadAll(recorder.Result().Body)
	for _, want := range []string{
		`darkroom_http_polls_total{answer="200"} 1`, `darkroom_http_polls_total{answer="304"} 1`,
		`darkroom_http_requests_total{method="GET",route="/v1/jobs/{id}",status="200"} 1`, `darkroom_http_requests_total{method="other",route="none",status="404"} 1`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("promtool is not installed")
	}
	check := exec.CommandContext(t.Context(), promtool, "check", "metrics") //nolint:gosec // found by its name
	check.Stdin = strings.NewReader(string(text))
	if said, err := check.CombinedOutput(); err != nil || len(said) > 0 {
		t.Errorf("promtool: %v: %s", err, said)
	}
}
