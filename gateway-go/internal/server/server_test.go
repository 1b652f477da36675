package server

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestAShutdownLetsRequestsInFlightFinish(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	entered, leave := make(chan struct{}), make(chan struct{})
	slow := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-leave
		_, _ = io.WriteString(w, "done")
	})
	address := freeAddress(t)
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, time.Minute, slog.New(slog.DiscardHandler), Listener{Key: "GATEWAY_ADDR", Address: address, Handler: slow})
	}()
	answer := make(chan string, 1)
	go func() { answer <- get(t, "http://"+address) }()
	<-entered
	stop()
	for deadline := time.Now().Add(10 * time.Second); ; {
		conn, err := net.Dial("tcp", address) //nolint:noctx // a test
		if err != nil {
			break // nobody new is let in
		}
		_ = conn.Close() // it only knocked
		if time.Now().After(deadline) {
			t.Fatal("still listening")
		}
	}
	close(leave)
	if got := <-answer; got != "done" {
		t.Errorf("the request in flight got %q", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("a shutdown that was asked for: %v", err)
	}
}

func TestATakenPortIsOneLineThatNamesTheSetting(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	address := taken.Addr().String()
	err = Run(t.Context(), 0, slog.New(slog.DiscardHandler), Listener{Key: "GATEWAY_ADDR", Address: address, Handler: http.NotFoundHandler()})
	if err == nil || !strings.HasPrefix(err.Error(), "GATEWAY_ADDR="+address) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
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

// get asks until somebody listens.
func get(t *testing.T, url string) string {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			continue
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close() // it was read to its end
		return string(body)
	}
	return "nobody listened"
}
