package server

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEveryAnswerCarriesTheSecurityHeaders(t *testing.T) {
	e := newEdge(t, withStudio)
	requests := slices.Collect(maps.Values(e.routes(someID)))
	if len(requests) < 25 {
		t.Fatalf("only %d routes are known", len(requests))
	}
	for _, request := range append(requests, "GET /no/such/route", "PUT /v1/jobs", "HEAD /", "TRACE /", "GET //") {
		method, path, _ := strings.Cut(request, " ")
		response, _ := e.send(t, method, path, "")
		header := response.Header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if header.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", request, name, header.Get(name), want)
			}
		}
		if header.Get("Cache-Control") == "" || header.Get("X-Request-Id") == "" {
			t.Errorf("%s: %v", request, header)
		}
		if want := policyOf(path); header.Get("Content-Security-Policy") != want {
			t.Errorf("%s: the policy is %q, want %q", request, header.Get("Content-Security-Policy"), want)
		}
		if allowed := header.Get("Access-Control-Allow-Origin"); allowed != "" {
			t.Errorf("%s: may be read by %s", request, allowed)
		}
	}
}

// policyOf is written out once more here: whoever loosens the policy changes it in two places, knowingly.
func policyOf(path string) string {
	if path == "/docs" {
		return "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

func TestWhatIsHiddenBehindALengthIsNeverReadAsTheNextRequest(t *testing.T) {
	e := newEdge(t)
	conn, err := net.Dial("tcp", e.Listener.Addr().String()) //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()                    // it was read to its end
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second)) // a TCP connection has deadlines
	hidden := "GET /v1/limits HTTP/1.1\r\nHost: x\r\n\r\n"
	body := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n%s", len(mug), mug, hidden)
	fmt.Fprintf(conn, "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n%s", len(body), body)
	answers, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answers), "HTTP/1.1 202 ") || strings.Count(string(answers), "HTTP/1.1 ") != 1 {
		t.Errorf("%v: %s", err, answers)
	}
}

func TestALengthThatIsNotOneLengthIsRefused(t *testing.T) {
	e := newEdge(t)
	for name, framing := range map[string]string{
		"two lengths": "Content-Length: 5\r\nContent-Length: 6", "a sign": "Content-Length: +5", "a list": "Content-Length: 5, 5", "a length of words": "Content-Length: five",
		"another coding": "Transfer-Encoding: gzip", "two codings": "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "a space before the colon": "Content-Length : 5",
		"a folded line": "Content-Length:\r\n 5", "a chunk of words": "Transfer-Encoding: chunked",
	} {
		conn, err := net.Dial("tcp", e.Listener.Addr().String()) //nolint:noctx // a test
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second)) // a TCP connection has deadlines
		fmt.Fprintf(conn, "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n%s\r\n\r\nhello\r\n", framing)
		answer, err := io.ReadAll(conn)
		_ = conn.Close() // it was read to its end
		if status := statusOf(string(answer)); err != nil || status != http.StatusBadRequest && status != http.StatusNotImplemented {
			t.Errorf("%s: %v: %s", name, err, answer)
		}
	}
}

func statusOf(answer string) (status int) {
	_, _ = fmt.Sscanf(answer, "HTTP/1.1 %d", &status) // 0 when it is none
	return status
}
