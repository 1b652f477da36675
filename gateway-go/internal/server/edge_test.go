package server

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/prometheus/client_golang/prometheus"

	"darkroom/gateway/internal/api"
	"darkroom/gateway/internal/api/contracttest"
	"darkroom/gateway/internal/auth"
	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/pages"
)

// edge is a public listener over one job.
type edge struct {
	*httptest.Server
	desk    *oneJobDesk
	log     *bytes.Buffer // read it when the server is closed
	metrics *prometheus.Registry
	stop    context.CancelFunc
	client  *http.Client
}

// edgeOptions are what a test wants to be otherwise.
type edgeOptions struct {
	server *http.Server
	limits *Limits
	studio bool // the page's routes too
}

func withLimits(perOwner, perAddress int) func(*edgeOptions) {
	return func(o *edgeOptions) { o.limits = NewLimits(perOwner, perAddress) }
}

func withStudio(o *edgeOptions) { o.studio = true }

func newEdge(t *testing.T, change ...func(*edgeOptions)) *edge {
	t.Helper()
	stopping, stop := context.WithCancel(t.Context())
	e := &edge{desk: newDesk(), log: &bytes.Buffer{}, metrics: prometheus.NewRegistry(), stop: stop}
	log := slog.New(slog.NewJSONHandler(e.log, nil))
	e.Server = httptest.NewUnstartedServer(nil)
	options := &edgeOptions{server: e.Config, limits: NewLimits(0, 0)}
	for _, set := range change {
		set(options)
	}
	idKeys, err := job.ParseKeys(strings.Repeat("0a", 32))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := auth.OpenKeys("")
	if err != nil {
		t.Fatal(err)
	}
	gate := options.limits.ByOwner((&auth.Gate{Keys: keys, Cookies: auth.NewCookies(idKeys, false, nil), Anonymous: true}).Owner)
	mux := http.NewServeMux()
	(&api.API{Desk: e.desk, Owner: gate, Contract: []byte(`{"openapi":"3.1.0","paths":{}}`), Stopping: stopping}).Register(mux)
	studio := &pages.Studio{Desk: e.desk, Owner: gate, StatusOf: StatusOf, HTTPS: auth.Proxies(nil).HTTPS, Missing: func() []string { return nil }, Log: log}
	if options.studio {
		if err := studio.Register(mux); err != nil {
			t.Fatal(err)
		}
	}
	e.Config.Handler = Public(mux, studio.Refuse, options.limits, nil, e.metrics, log)
	e.Start()
	t.Cleanup(e.Close)
	t.Cleanup(stop)
	e.client = &http.Client{Transport: contracttest.Transport{T: t, Base: e.Client().Transport}}
	return e
}

// send makes a request and answers the response with its body, which was held against the contract. Headers are given as "Name: value".
func (e *edge) send(t *testing.T, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, e.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	response, err := e.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close() // it was read to its end
	return response, string(text)
}

// problemCode answers the code of a problem, and fails the test when the answer is none.
func problemCode(t *testing.T, response *http.Response, body string) string {
	t.Helper()
	var told struct {
		Code   string `json:"code"`
		Status int    `json:"status"`
	}
	if err := json.Unmarshal([]byte(body), &told); err != nil || response.Header.Get("Content-Type") != "application/problem+json" || told.Status != response.StatusCode {
		t.Fatalf("no problem: %d, %v: %s", response.StatusCode, err, body)
	}
	return told.Code
}

const mug = `{"prompt":"a mug"}`
