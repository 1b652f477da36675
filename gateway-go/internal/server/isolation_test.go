package server

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/testbed"
)

const redisDatabase = 7

// caller is somebody with a cookie of their own, or with a key.
type caller struct {
	e      *edge
	client http.Client
	key    string
}

func (e *edge) caller(t *testing.T, key string) *caller {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &caller{e, http.Client{Jar: jar, Transport: e.client.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, key}
}

func (c *caller) send(t *testing.T, method, path, body string) (*http.Response, string) {
	t.Helper()
	usual := c.e.client
	defer func() { c.e.client = usual }()
	c.e.client = &c.client
	if c.key == "" {
		return c.e.send(t, method, path, body)
	}
	return c.e.send(t, method, path, body, "Authorization: Bearer "+c.key)
}

// finished makes a job that has one picture.
func (c *caller) finished(t *testing.T, b *testbed.Bed, end func(id string)) string {
	t.Helper()
	response, body := c.send(t, http.MethodPost, "/v1/jobs", `{"prompt":"a secret mug","model":"`+b.Model+`"}`)
	var made struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal([]byte(body), &made); err != nil || response.StatusCode != http.StatusAccepted {
		t.Fatalf("%d: %s", response.StatusCode, body)
	}
	end(made.ID)
	return made.ID
}

func TestWhatIsNotMineIsNotThereOnAnyRoute(t *testing.T) {
	b := testbed.New(t, redisDatabase)
	desk := b.Desk(b.Ledger, b.Broker, b.Store)
	e := newEdge(t, withStudio, withDesk(desk, b.Keys))
	guest, key := e.caller(t, ""), e.caller(t, e.keys[0])
	end := func(id string) { b.Succeed(t, desk, id, "picture") }
	ofGuest, ofKey := guest.finished(t, b, end), key.finished(t, b, end)
	for name, c := range map[string]struct {
		owner    *caller
		id       string
		stranger *caller
	}{
		"a guest's, to another guest": {guest, ofGuest, e.caller(t, "")}, "a guest's, to a key": {guest, ofGuest, e.caller(t, e.keys[1])},
		"a key's, to another key": {key, ofKey, e.caller(t, e.keys[1])}, "a key's, to a guest": {key, ofKey, e.caller(t, "")},
	} {
		t.Run(name, func(t *testing.T) {
			before, _ := c.owner.send(t, http.MethodGet, "/v1/jobs/"+c.id, "")
			c.stranger.triesEveryRoute(t, b.Keys, c.id)
			c.stranger.triesEveryParameter(t, b, c.id)
			if all, body := c.stranger.send(t, http.MethodGet, "/v1/jobs", ""); all.StatusCode != http.StatusOK || !strings.Contains(body, `"total":0`) {
				t.Errorf("the stranger has jobs now: %s", body)
			}
			if after, body := c.owner.send(t, http.MethodGet, "/v1/jobs/"+c.id, ""); after.StatusCode != http.StatusOK || after.Header.Get("Etag") != before.Header.Get("Etag") {
				t.Errorf("the owner's job is changed: %d: %s", after.StatusCode, body)
			}
		})
	}
}

// triesEveryRoute asks for a foreign job by every route that takes an id: the answer is the one that an id of nobody gets.
func (c *caller) triesEveryRoute(t *testing.T, keys job.Keys, foreign string) {
	t.Helper()
	ids := map[string]string{
		"foreign": foreign, "a bit flipped in its body": flipped(foreign, 20), "a bit flipped in its proof": flipped(foreign, 35), "forged": foreign[:29] + strings.Repeat("0", 13),
		"long expired, of somebody": keys.Mint(time.Now().Add(-1000*time.Hour), 60, job.Owner("key", "somebody")),
	}
	bent := map[string]string{"climbing": "../../etc/passwd", "4 kB": strings.Repeat("a", 4096), "upper case": strings.ToUpper(foreign), "with a NUL": foreign[:41] + "\x00", "not UTF-8": "\xff", "short": "x"}
	for pattern := range c.e.routes("") {
		if !strings.Contains(pattern, "{id}") {
			continue
		}
		usual, usualBody := c.ask(t, pattern, strings.Repeat("0", 42))
		if usual != http.StatusNotFound && !slices.Contains(fragments, pattern) {
			t.Errorf("%s of nobody's id: %d", pattern, usual)
		}
		for name, id := range ids {
			if status, body := c.ask(t, pattern, id); status != usual || body != usualBody {
				t.Errorf("%s, %s: %d instead of %d\n%s\n%s", pattern, name, status, usual, body, usualBody)
			}
		}
		for name, id := range bent {
			status, body := c.ask(t, pattern, id)
			if status != usual && status != http.StatusNotFound || strings.Contains(body, "secret") {
				t.Errorf("%s, %s: %d: %s", pattern, name, status, body)
			}
		}
	}
}

// strip says how the service does at this moment, to everybody alike.
var strip = regexp.MustCompile(`(?s)<p id="strip".*?</p>`)

// ask answers status and body, without what may always differ: the id that was asked for, the number of the request, the strip.
func (c *caller) ask(t *testing.T, pattern, id string) (int, string) {
	t.Helper()
	method, path, _ := strings.Cut(c.e.routes(url.PathEscape(id))[pattern], " ")
	response, body := c.send(t, method, path, "")
	replace := []string{response.Header.Get("X-Request-Id"), "REQUEST", id, "ID"}
	if len(id) == 42 {
		replace = append(replace, id[:4]+"…"+id[38:], "ID")
	}
	return response.StatusCode, strings.NewReplacer(replace...).Replace(strip.ReplaceAllString(body, ""))
}

// triesEveryParameter names a foreign job where a route takes one beside its path.
func (c *caller) triesEveryParameter(t *testing.T, b *testbed.Bed, id string) {
	t.Helper()
	for _, request := range []string{
		"GET /?from=" + id, "GET /?pick=" + id, "GET /?cursor=" + id, "GET /roll?cursor=" + id, "GET /compare?pick=" + id + "&pick=" + id, "GET /v1/jobs?cursor=" + id,
	} {
		method, path, _ := strings.Cut(request, " ")
		if response, body := c.send(t, method, path, ""); strings.Contains(body, "secret") || response.StatusCode >= http.StatusInternalServerError {
			t.Errorf("%s: %d: %s", request, response.StatusCode, body)
		}
	}
	response, body := c.send(t, http.MethodPost, "/v1/jobs", `{"prompt":"a mug","model":"`+b.Upscale+`","image":{"job":"`+id+`"}}`)
	if response.StatusCode != http.StatusBadRequest || !strings.Contains(body, `"path":"/image`) {
		t.Errorf("a foreign picture to begin with: %d: %s", response.StatusCode, body)
	}
}

func flipped(id string, at int) string {
	const alphabet = "0123456789abcdefghijklmnopqrstuv"
	return id[:at] + string(alphabet[strings.IndexByte(alphabet, id[at])^4]) + id[at+1:]
}

func TestAnExpiredJobIsGoneForItsOwnerAndWasNeverThereForOthers(t *testing.T) {
	b := testbed.New(t, redisDatabase)
	e := newEdge(t, withDesk(b.Desk(b.Ledger, b.Broker, b.Store), b.Keys))
	id, _, _ := strings.Cut(strings.TrimPrefix(e.keys[0], "dk_"), "_")
	expired := b.Keys.Mint(b.Ledger.Now().Add(-2*testbed.Retention), 60, job.Owner("key", id))
	for _, request := range []string{"GET ", "GET /images/0", "GET /preview", "POST /cancel", "DELETE "} {
		method, rest, _ := strings.Cut(request, " ")
		if response, body := e.caller(t, e.keys[0]).send(t, method, "/v1/jobs/"+expired+rest, ""); response.StatusCode != http.StatusGone || problemCode(t, response, body) != "expired" {
			t.Errorf("%s for its owner: %d: %s", request, response.StatusCode, body)
		}
		if response, body := e.caller(t, e.keys[1]).send(t, method, "/v1/jobs/"+expired+rest, ""); response.StatusCode != http.StatusNotFound || problemCode(t, response, body) != "not_found" {
			t.Errorf("%s for another: %d: %s", request, response.StatusCode, body)
		}
	}
}
