package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// The numbers are those of the real listener: five seconds for a header.
func TestTwoThousandSocketsThatNeverFinishAHeaderHoldNobodyUpAndAreDropped(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	ctx, stop := context.WithCancel(t.Context())
	address := freeAddress(t)
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, time.Second, slog.New(slog.DiscardHandler), Listener{Key: "GATEWAY_ADDR", Address: address, Handler: e.Config.Handler})
	}()
	defer func() { stop(); <-ended }()
	get(t, "http://"+address+"/v1/limits") // until it listens

	const sockets = 2000
	var slow sync.WaitGroup
	dropped := make(chan struct{})
	held := make(chan string, sockets)
	for range sockets {
		conn, err := net.Dial("tcp", address) //nolint:noctx // a test
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, "GET /v1/limits HTTP/1.1\r\nHost: x\r\nX-Slow: ")
		slow.Go(func() { held <- drip(conn) })
	}
	go func() { slow.Wait(); close(dropped) }()
	answered := 0
	for served := false; !served; {
		select {
		case <-dropped:
			served = true
		default:
			// A connection of its own each time: a newcomer, not one who was let in before.
			if answer := get(t, "http://"+address+"/v1/limits"); !strings.Contains(answer, "prompt_characters") {
				t.Fatalf("another caller got %q", answer)
			}
			answered++
		}
	}
	if answered < 10 {
		t.Errorf("others got %d answers in all that time", answered)
	}
	close(held)
	for how := range held {
		if how != "" {
			t.Fatal(how)
		}
	}
}

// drip sends a byte a second until the server hangs up; anything else is said.
func drip(conn net.Conn) string {
	defer func() { _ = conn.Close() }() // it was dropped
	for range 30 {
		if _, err := conn.Write([]byte("x")); err != nil {
			return ""
		}
		_ = conn.SetReadDeadline(time.Now().Add(time.Second)) // a TCP connection has deadlines
		if _, err := io.ReadAll(conn); !errors.Is(err, os.ErrDeadlineExceeded) {
			return ""
		}
	}
	return "a socket was held for half a minute"
}

func TestTenThousandHeadersAreRefused(t *testing.T) {
	e := newEdge(t, func(o *edgeOptions) { o.server.MaxHeaderBytes = maxHeader })
	conn, err := net.Dial("tcp", e.Listener.Addr().String()) //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()                    // it was read to its end
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second)) // a TCP connection has deadlines
	fmt.Fprintf(conn, "GET /v1/limits HTTP/1.1\r\nHost: x\r\n%s\r\n", strings.Repeat("a:\r\n", 10_000))
	answer, err := io.ReadAll(conn)
	if status := statusOf(string(answer)); status != http.StatusRequestHeaderFieldsTooLarge && !(err != nil && status == 0) {
		t.Errorf("%v: %.200s", err, answer)
	}
}
