package server

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/prometheus/client_golang/prometheus"

	"darkroom/gateway/internal/api"
	"darkroom/gateway/internal/api/contracttest"
	"darkroom/gateway/internal/auth"
	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/pages"
)

// edge is a public listener over one job, or over the desk that a test brings.
type edge struct {
	*httptest.Server
	desk    *oneJobDesk
	mux     *listedMux
	keys    []string      // API keys that are known
	asked   atomic.Int64  // how often the gate was
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
	desk   serving
	idKeys job.Keys
	// Callers without a key are refused.
	keysOnly bool
	proxies  auth.Proxies
}

// serving is a desk for the API and the page.
type serving interface {
	api.Desk
	pages.Desk
}

// listedMux knows its routes.
type listedMux struct {
	*http.ServeMux
	routes []string
}

func (m *listedMux) Handle(pattern string, handler http.Handler) {
	m.routes = append(m.routes, pattern)
	m.ServeMux.Handle(pattern, handler)
}

func withLimits(perOwner, perAddress int) func(*edgeOptions) {
	return func(o *edgeOptions) { o.limits = NewLimits(perOwner, perAddress) }
}

func withStudio(o *edgeOptions) { o.studio = true }

func withKeysOnly(o *edgeOptions) { o.keysOnly = true }

func withProxies(texts ...string) func(*edgeOptions) {
	return func(o *edgeOptions) { o.proxies = auth.ParseProxies(texts) }
}

// withDesk serves the jobs of a real desk, whose ids are signed with keys.
func withDesk(desk serving, keys job.Keys) func(*edgeOptions) {
	return func(o *edgeOptions) { o.desk, o.idKeys = desk, keys }
}

func newEdge(t testing.TB, change ...func(*edgeOptions)) *edge {
	t.Helper()
	stopping, stop := context.WithCancel(t.Context())
	e := &edge{desk: newDesk(), log: &bytes.Buffer{}, metrics: prometheus.NewRegistry(), stop: stop}
	log := slog.New(slog.NewJSONHandler(e.log, nil))
	e.Server = httptest.NewUnstartedServer(nil)
	idKeys, err := job.ParseKeys(strings.Repeat("0a", 32))
	if err != nil {
		t.Fatal(err)
	}
	options := &edgeOptions{server: e.Config, limits: NewLimits(0, 0), desk: e.desk, idKeys: idKeys}
	for _, set := range change {
		set(options)
	}
	gate := &auth.Gate{Keys: e.openKeys(t), Cookies: auth.NewCookies(options.idKeys, false, nil), Anonymous: !options.keysOnly}
	owner := options.limits.ByOwner(func(w http.ResponseWriter, r *http.Request) (string, error) {
		e.asked.Add(1)
		return gate.Owner(w, r)
	})
	e.mux = &listedMux{ServeMux: http.NewServeMux()}
	(&api.API{Desk: options.desk, Owner: owner, Contract: []byte(`{"openapi":"3.1.0","paths":{}}`), Stopping: stopping}).Register(e.mux)
	studio := &pages.Studio{Desk: options.desk, Owner: owner, StatusOf: StatusOf, HTTPS: auth.Proxies(nil).HTTPS, Missing: func() []string { return nil }, Log: log}
	if options.studio {
		if err := studio.Register(e.mux); err != nil {
			t.Fatal(err)
		}
	}
	e.Config.Handler = Public(e.mux.ServeMux, studio.Refuse, options.limits, options.proxies, nil, e.metrics, log)
	e.Start()
	t.Cleanup(e.Close)
	t.Cleanup(stop)
	e.client = &http.Client{Transport: contracttest.Transport{T: t, Base: e.Client().Transport}}
	return e
}

// openKeys reads a file with two keys.
func (e *edge) openKeys(t testing.TB) *auth.Keys {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keys")
	for _, name := range []string{"one", "two"} {
		key, _, err := auth.AddKey(file, name)
		if err != nil {
			t.Fatal(err)
		}
		e.keys = append(e.keys, key)
	}
	keys, err := auth.OpenKeys(file)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// routes are all that is registered, each as the request that meets it: "GET /v1/jobs/ID/images/0".
func (e *edge) routes(id string) map[string]string {
	requests := map[string]string{}
	for _, pattern := range e.mux.routes {
		requests[pattern] = strings.NewReplacer("{id}", id, "{n}", "0", "{name}", "none", "{$}", "").Replace(pattern)
	}
	return requests
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
