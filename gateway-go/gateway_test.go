package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"darkroom/gateway/internal/api/contracttest"
)

// gateway is the whole program, run in this process.
type gateway struct{ address, admin string }

// start runs the gateway with what the environment says, and these settings; it is stopped when the test ends.
func start(t *testing.T, settings map[string]string) gateway {
	t.Helper()
	g := gateway{address: freeAddress(t), admin: freeAddress(t)}
	for key, value := range map[string]string{
		"GATEWAY_ADDR": g.address, "GATEWAY_ADMIN_ADDR": g.admin, "GATEWAY_ID_KEYS": strings.Repeat("0a", 32), "GATEWAY_ID_KEYS_FILE": "",
		"MODELS_FILE": "../deploy/models.yaml", "TEST_MODE": "true", "S3_BUCKET": "darkroom-gateway-test", "LOG_LEVEL": "error", "GATEWAY_JANITOR": "false",
	} {
		t.Setenv(key, value)
	}
	for key, value := range settings {
		t.Setenv(key, value)
	}
	ctx, stop := context.WithCancel(context.Background()) // a test's own context ends before its clean-up
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, nil) }()
	t.Cleanup(func() {
		stop()
		if status := <-ended; status != 0 {
			t.Errorf("the gateway ended with %d", status)
		}
	})
	for !listens(g.admin) {
		select {
		case status := <-ended:
			ended <- status
			t.Fatal("the gateway did not start")
		case <-time.After(10 * time.Millisecond):
		}
	}
	return g
}

// services skips the test on a machine without the real services, and fails it where they must be.
func services(t *testing.T) {
	t.Helper()
	for _, key := range []string{"RABBITMQ_URL", "REDIS_URL", "S3_ENDPOINT"} {
		if os.Getenv(key) == "" {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is not set", key)
			}
			t.Skipf("%s is not set", key)
		}
	}
}

// startReady runs the gateway over the real services and waits until it can take orders.
func startReady(t *testing.T, settings map[string]string) gateway {
	t.Helper()
	services(t)
	g := start(t, settings)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		status, body := fetch(t, "http://"+g.admin+"/readyz")
		if status == http.StatusOK {
			return g
		}
		if time.Now().After(deadline) {
			t.Fatalf("not ready: %s", body)
		}
	}
}

func listens(address string) bool {
	conn, err := net.Dial("tcp", address) //nolint:noctx // a test
	if err != nil {
		return false
	}
	_ = conn.Close() // it only knocked
	return true
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func fetch(t *testing.T, url string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	_ = response.Body.Close() // it was read to its end
	return response.StatusCode, string(body)
}

// person is a client with cookies of their own, or a key. Every answer is held against the contract.
type person struct {
	t      *testing.T
	base   string
	key    string
	client *http.Client
}

func (g gateway) person(t *testing.T) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &person{t: t, base: "http://" + g.address, client: &http.Client{Jar: jar, Transport: contracttest.Transport{T: t, Base: http.DefaultTransport}}}
}

// answer is a response with its body read as JSON, where it is JSON.
type answer struct {
	*http.Response
	text []byte
	json map[string]any
}

// send makes a request. Headers are given as "Name: value".
func (p *person) send(method, path, body string, headers ...string) answer {
	p.t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, p.base+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if p.key != "" {
		request.Header.Set("Authorization", "Bearer "+p.key)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	response, err := p.client.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	got := answer{Response: response, json: map[string]any{}}
	got.text, err = io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = response.Body.Close() // it was read to its end
	if strings.HasSuffix(response.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(got.text, &got.json); err != nil {
			p.t.Fatalf("%s %s: %v: %s", method, path, err, got.text)
		}
	}
	return got
}

// submit makes a simulated job that is deleted when the test ends.
func (p *person) submit(body string, headers ...string) answer {
	p.t.Helper()
	got := p.send(http.MethodPost, "/v1/jobs", body, headers...)
	if id, made := got.json["id"].(string); made && got.StatusCode == http.StatusAccepted {
		p.t.Cleanup(func() { p.send(http.MethodDelete, "/v1/jobs/"+id, "") })
	}
	return got
}

func captureStderr(t *testing.T, do func()) string {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "stderr")
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stderr
	os.Stderr = file
	defer func() { os.Stderr = before }()
	do()
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
