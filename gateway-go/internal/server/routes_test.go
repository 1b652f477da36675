package server

import (
	"net/http"
	"strings"
	"testing"

	"darkroom/gateway/internal/job"
)

func TestWhatIsNoRouteIsAProblem(t *testing.T) {
	e := newEdge(t)
	for _, path := range []string{"/no/such/route", "/v1", "/v1/jobs/", "/v1/jobs/x/y", "//", "/v1//jobs", "/v1/jobs/%2e%2e%2f%2e%2e%2fetc", "/v1/jobs/..", "/v1/jobs/x/images/0/1"} {
		if response, body := e.send(t, http.MethodGet, path, ""); response.StatusCode != http.StatusNotFound || problemCode(t, response, body) != "not_found" {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
	}
}

func TestAPersonGetsAPageWhereAProgramGetsAProblem(t *testing.T) {
	e := newEdge(t, withStudio, withLimits(0, 1))
	for _, path := range []string{"/no/such/page", "/v2", "//"} {
		response, body := e.send(t, http.MethodGet, path, "", "Accept: text/html,*/*;q=0.8")
		if response.StatusCode != http.StatusNotFound || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") || !strings.Contains(body, "There is nothing at this address.") {
			t.Errorf("%s: %d, %s", path, response.StatusCode, response.Header.Get("Content-Type"))
		}
	}
	if response, body := e.send(t, http.MethodGet, "/v1/none", "", "Accept: text/html"); problemCode(t, response, body) != "not_found" {
		t.Error("the API answers a page")
	}
	for range 10 {
		e.send(t, http.MethodGet, "/none", "")
	}
	response, body := e.send(t, http.MethodGet, "/", "", "Accept: text/html")
	if response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") == "" || !strings.Contains(body, "Load this page again in about 2\u00a0s.") {
		t.Errorf("asked too fast: %d, %s", response.StatusCode, body)
	}
}

func TestAMethodThatARouteDoesNotKnowIsToldWhichItKnows(t *testing.T) {
	e := newEdge(t)
	for route, allow := range map[string]string{
		"PUT /v1/jobs": "GET, HEAD, POST", "PATCH /v1/jobs/" + someID: "DELETE, GET, HEAD", "GET /v1/jobs/" + someID + "/cancel": "POST", "BREW /v1/models": "GET, HEAD",
	} {
		method, path, _ := strings.Cut(route, " ")
		response, body := e.send(t, method, path, "")
		if response.StatusCode != http.StatusMethodNotAllowed || problemCode(t, response, body) != "method_not_allowed" || response.Header.Get("Allow") != allow {
			t.Errorf("%s: %d, Allow %q", route, response.StatusCode, response.Header.Get("Allow"))
		}
	}
}

func TestAPageOfAnotherSiteMayReadNothingAndChangeNothing(t *testing.T) {
	e := newEdge(t, withStudio)
	for name, headers := range map[string][]string{
		"told by the browser":              {"Sec-Fetch-Site: cross-site"},
		"a sister site":                    {"Sec-Fetch-Site: same-site"},
		"an old browser, by the origin":    {"Origin: https://elsewhere.example"},
		"an origin that hides":             {"Origin: null"},
		"as a form that needs no question": {"Sec-Fetch-Site: cross-site", "Content-Type: text/plain"},
	} {
		for _, path := range []string{"/v1/jobs", "/jobs", "/v1/jobs/" + someID + "/cancel"} {
			response, body := e.send(t, http.MethodPost, path, mug, headers...)
			if response.StatusCode != http.StatusForbidden || problemCode(t, response, body) != "cross_origin" {
				t.Errorf("%s to %s: %d", name, path, response.StatusCode)
			}
		}
	}
	for name, header := range map[string]string{"our own page": "Sec-Fetch-Site: same-origin", "a program": "User-Agent: curl", "an old browser on our page": "Origin: " + e.URL} {
		if response, _ := e.send(t, http.MethodPost, "/v1/jobs", mug, header); response.StatusCode != http.StatusAccepted {
			t.Errorf("%s: %d", name, response.StatusCode)
		}
	}
}

func TestEveryRefusalOfTheOrdersRoomHasItsStatus(t *testing.T) {
	e := newEdge(t)
	for code, status := range map[job.Code]int{
		job.InvalidRequest: 400, job.UnknownModel: 400, job.PromptTooLong: 400, job.IdempotencyConflict: 422, job.QueueFull: 429, job.QuotaExceeded: 429,
		job.RateLimited: 429, job.BrokerUnavailable: 503, job.StorageUnavailable: 503, job.LedgerUnavailable: 503, "a code that nobody knows": 500,
	} {
		e.desk.err = &job.Error{Code: code, Message: "No.", RetryAfter: 1500e6}
		response, body := e.send(t, http.MethodPost, "/v1/jobs", mug)
		if response.StatusCode != status {
			t.Errorf("%s: %d, want %d: %s", code, response.StatusCode, status, body)
		}
		if got := response.Header.Get("Retry-After"); status != 500 && got != "2" {
			t.Errorf("%s: Retry-After %q, want 2: seconds are rounded up", code, got)
		}
		if told := problemCode(t, response, body); status != 500 && told != string(code) || status == 500 && told != "internal" {
			t.Errorf("%s is told as %s", code, told)
		}
	}
	for code, status := range map[job.Code]int{job.NotFound: 404, job.Gone: 410} {
		e.desk.err = &job.Error{Code: code, Message: "No."}
		if response, _ := e.send(t, http.MethodGet, "/v1/jobs/"+someID, ""); response.StatusCode != status {
			t.Errorf("%s: %d, want %d", code, response.StatusCode, status)
		}
	}
}
