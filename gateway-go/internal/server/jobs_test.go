package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"darkroom/gateway/internal/job"
)

func TestASubmitAnswersWhereAndWhenToPoll(t *testing.T) {
	e := newEdge(t)
	response, body := e.send(t, http.MethodPost, "/v1/jobs", mug)
	head := response.Header
	if response.StatusCode != http.StatusAccepted || head.Get("Location") != "/v1/jobs/"+someID || head.Get("Retry-After") != "1" || head.Get("Etag") == "" {
		t.Errorf("%d %v: %s", response.StatusCode, head, body)
	}
	if response, body = e.send(t, http.MethodPost, "/v1/jobs?dry_run=true", mug); response.StatusCode != http.StatusOK || strings.Contains(body, `"id"`) {
		t.Errorf("dry run: %d: %s", response.StatusCode, body)
	}
}

func TestAPollOfAnUnchangedJobIsA304WithThePace(t *testing.T) {
	e := newEdge(t)
	first, _ := e.send(t, http.MethodGet, "/v1/jobs/"+someID, "")
	tag := first.Header.Get("Etag")
	for name, sent := range map[string]string{"the tag": tag, "weak": "W/" + tag, "among others": `"x", ` + tag, "any": "*"} {
		again, body := e.send(t, http.MethodGet, "/v1/jobs/"+someID, "", "If-None-Match: "+sent)
		if again.StatusCode != http.StatusNotModified || body != "" || again.Header.Get("Retry-After") != "1" || again.Header.Get("Etag") != tag {
			t.Errorf("%s: %d %v %s", name, again.StatusCode, again.Header, body)
		}
	}
	nearer := 2
	e.desk.job.QueuePosition = &nearer
	moved, _ := e.send(t, http.MethodGet, "/v1/jobs/"+someID, "", "If-None-Match: "+tag)
	if moved.StatusCode != http.StatusOK {
		t.Error("a job that moved up in the line looks unchanged")
	}
	e.desk.job.Status, e.desk.job.Stage = job.Canceled, nil
	ended, _ := e.send(t, http.MethodGet, "/v1/jobs/"+someID, "", "If-None-Match: "+tag)
	if ended.StatusCode != http.StatusOK || ended.Header.Get("Retry-After") != "" {
		t.Errorf("ended: %d, Retry-After %q", ended.StatusCode, ended.Header.Get("Retry-After"))
	}
}

func TestBadHeadersAndParametersAreRefusedByName(t *testing.T) {
	e := newEdge(t)
	for name, c := range map[string]struct{ method, path, header, place string }{
		"an empty key":         {"POST", "/v1/jobs", "Idempotency-Key: ", "Idempotency-Key"},
		"a key of 300":         {"POST", "/v1/jobs", "Idempotency-Key: " + words(300), "Idempotency-Key"},
		"a dry run of perhaps": {"POST", "/v1/jobs?dry_run=perhaps", "A: b", "?dry_run"},
		"no limit at all":      {"GET", "/v1/jobs?limit=0", "A: b", "?limit"},
		"a limit of words":     {"GET", "/v1/jobs?limit=many", "A: b", "?limit"},
		"two limits":           {"GET", "/v1/jobs?limit=1&limit=2", "A: b", "?limit"},
		"a cursor of 4 kB":     {"GET", "/v1/jobs?cursor=" + words(4096), "A: b", "?cursor"},
	} {
		t.Run(name, func(t *testing.T) {
			body := ""
			if c.method == "POST" {
				body = mug
			}
			response, answer := e.send(t, c.method, c.path, body, c.header)
			if problemCode(t, response, answer) != "invalid_request" || !strings.Contains(answer, `"path":"`+c.place+`"`) {
				t.Errorf("%d: %s", response.StatusCode, answer)
			}
		})
	}
}

func TestABodyThatIsNotDeclaredAsJSONIsRefused(t *testing.T) {
	e := newEdge(t)
	for _, kind := range []string{"", "text/plain", "application/jsonx", "application/x-www-form-urlencoded", "nonsense;"} {
		if response, body := e.send(t, http.MethodPost, "/v1/jobs", mug, "Content-Type: "+kind); problemCode(t, response, body) != "unsupported_media_type" {
			t.Errorf("%q: %d", kind, response.StatusCode)
		}
	}
	if response, _ := e.send(t, http.MethodPost, "/v1/jobs", mug, "Content-Type: application/json; charset=utf-8"); response.StatusCode != http.StatusAccepted {
		t.Errorf("with a charset: %d", response.StatusCode)
	}
}

func TestAnEndlessBodyIsCutAtTheLimit(t *testing.T) {
	e := newEdge(t)
	endless := &countingReader{}
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, e.URL+"/v1/jobs", endless)
	request.Header.Set("Content-Type", "application/json")
	response, err := e.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	_ = response.Body.Close() // it was read to its end
	if response.StatusCode != http.StatusRequestEntityTooLarge || problemCode(t, response, string(body)) != "too_large" {
		t.Errorf("%d: %s", response.StatusCode, body)
	}
	if sent := endless.sent.Load(); sent > 16<<20 { // what sockets may hold on both sides
		t.Errorf("%d bytes were taken", sent)
	}
}

type countingReader struct{ sent atomic.Int64 }

func (c *countingReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	c.sent.Add(int64(len(p)))
	return len(p), nil
}

func TestTheLongestPromptsInTheLongestSpellingFit(t *testing.T) {
	e := newEdge(t)
	prompt := strings.Repeat(`\ud83d\ude00`, 10_000)
	if response, body := e.send(t, http.MethodPost, "/v1/jobs", `{"prompt":"`+prompt+`","negative_prompt":"`+prompt+`"}`); response.StatusCode != http.StatusAccepted {
		t.Errorf("%d: %s", response.StatusCode, body)
	}
}

func TestABodyThatDoesNotArriveIsGivenUp(t *testing.T) {
	e := newEdge(t, func(o *edgeOptions) { o.server.ReadTimeout = 300 * time.Millisecond })
	for name, announced := range map[string]string{"slow": "Content-Length: 100", "endless": "Transfer-Encoding: chunked"} {
		conn, err := net.Dial("tcp", e.Listener.Addr().String()) //nolint:noctx // a test
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%s\r\n\r\n", announced)
		answer, err := io.ReadAll(conn)
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") || !strings.Contains(string(answer), `"request_timeout"`) {
			t.Errorf("%s: %v: %s", name, err, answer)
		}
		_ = conn.Close() // it was read to its end
	}
}

func TestABodyThatIsShorterThanAnnouncedIsRefused(t *testing.T) {
	e := newEdge(t)
	conn, err := net.Dial("tcp", e.Listener.Addr().String()) //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // it was read to its end
	fmt.Fprintf(conn, "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n%s", mug)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") || !strings.Contains(string(answer), `"invalid_request"`) {
		t.Errorf("%v: %s", err, answer)
	}
}

func TestAHeaderBeyondTheLimitIsRefused(t *testing.T) {
	e := newEdge(t, func(o *edgeOptions) { o.server.MaxHeaderBytes = maxHeader })
	for name, headers := range map[string][]string{
		"a megabyte": {"X-Long: " + words(1<<20)}, "an endless key": {"Authorization: Bearer dk_" + words(1<<20)},
	} {
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, e.URL+"/v1/limits", nil)
		for _, header := range headers {
			name, value, _ := strings.Cut(header, ": ")
			request.Header.Set(name, value)
		}
		response, err := e.Client().Do(request)
		if err != nil {
			continue // the server hung up while we were still talking
		}
		_ = response.Body.Close() // not read
		if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%s: %d", name, response.StatusCode)
		}
	}
}

func TestAWaitOutlivesTheReadTimeout(t *testing.T) {
	e := newEdge(t, func(o *edgeOptions) {
		o.server.ReadTimeout, o.server.WriteTimeout = 200*time.Millisecond, 200*time.Millisecond
	})
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		path, body, status := "/v1/jobs", mug, http.StatusAccepted
		if method == http.MethodGet {
			path, body, status = path+"/"+someID, "", http.StatusOK
		}
		began := time.Now()
		response, answer := e.send(t, method, path, body, "Prefer: wait=1")
		<-e.desk.waiting
		if response.StatusCode != status || time.Since(began) < time.Second || response.Header.Get("Preference-Applied") != "wait=1" {
			t.Errorf("%s: %d after %v: %s", method, response.StatusCode, time.Since(began), answer)
		}
	}
}

func TestAWaitEndsEarlyWhenTheServerStops(t *testing.T) {
	e := newEdge(t)
	go func() {
		<-e.desk.waiting
		e.stop()
	}()
	began := time.Now()
	response, _ := e.send(t, http.MethodPost, "/v1/jobs", mug, "Prefer: wait=60")
	if response.StatusCode != http.StatusAccepted || time.Since(began) > 30*time.Second {
		t.Errorf("%d after %v", response.StatusCode, time.Since(began))
	}
}

func TestWhenNothingTrueCanBeSaidTheConnectionIsDropped(t *testing.T) {
	e := newEdge(t)
	e.desk.err = fmt.Errorf("published, and then Redis left: %w", job.ErrNoAnswer)
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, e.URL+"/v1/jobs", strings.NewReader(mug))
	request.Header.Set("Content-Type", "application/json")
	response, err := e.Client().Do(request)
	if err == nil {
		_ = response.Body.Close() // there should be none
		t.Fatalf("answered %d", response.StatusCode)
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
	e.Close()
	if lines := strings.Count(e.log.String(), "\n"); lines != 1 || !strings.Contains(e.log.String(), "Redis left") {
		t.Errorf("logged %s", e.log)
	}
}

func TestAPanicIsA500ThatIsLoggedOnce(t *testing.T) {
	e := newEdge(t)
	e.desk.onRead = func() { panic("a bug") }
	response, body := e.send(t, http.MethodGet, "/v1/jobs/"+someID, "")
	if response.StatusCode != http.StatusInternalServerError || problemCode(t, response, body) != "internal" || strings.Contains(body, "a bug") {
		t.Errorf("%d: %s", response.StatusCode, body)
	}
	e.Close()
	log := e.log.String()
	if strings.Count(log, "\n") != 1 || !strings.Contains(log, "a bug") || !strings.Contains(log, someID) || !strings.Contains(log, response.Header.Get("X-Request-Id")) {
		t.Errorf("logged %s", log)
	}
}
