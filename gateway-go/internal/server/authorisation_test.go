package server

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"darkroom/gateway/internal/api"
)

// openRoutes are for everybody. A new route asks who is there, or is written down here.
var openRoutes = []string{"GET /openapi.json", "GET /docs", "GET /static/{name}"}

// fragments are added to a page that is there already: what they refuse they say with 200.
var fragments = []string{"GET /roll", "GET /jobs/{id}/card", "GET /jobs/{id}/sheet", "GET /status/books", "GET /strip"}

func TestEveryRouteAsksWhoIsThereUnlessItIsDeclaredOpen(t *testing.T) {
	e := newEdge(t, withStudio, withKeysOnly)
	for pattern, request := range e.routes(someID) {
		method, path, _ := strings.Cut(request, " ")
		for name, headers := range map[string][]string{
			"no key": nil, "a wrong key": {"Authorization: Bearer " + e.keys[0] + "x"}, "a cookie": {"Cookie: darkroom_owner=a.1.b"},
		} {
			before := e.asked.Load()
			response, body := e.send(t, method, path, "", headers...)
			asked := e.asked.Load() - before
			switch {
			case slices.Contains(openRoutes, pattern):
				if asked != 0 || response.StatusCode == http.StatusUnauthorized {
					t.Errorf("%s is declared open, but %s was asked for %d times and told %d", pattern, name, asked, response.StatusCode)
				}
			case asked != 1:
				t.Errorf("%s: %s was asked who it is %d times", pattern, name, asked)
			case slices.Contains(fragments, pattern):
				if response.StatusCode != http.StatusOK || strings.Contains(body, "a mug") {
					t.Errorf("%s with %s: %d: %s", pattern, name, response.StatusCode, body)
				}
			case response.StatusCode != http.StatusUnauthorized || response.Header.Get("Www-Authenticate") != "Bearer" || strings.Contains(body, "a mug"):
				t.Errorf("%s with %s: %d", pattern, name, response.StatusCode)
			}
			if response.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s with %s: a cookie from a service for keys", pattern, name)
			}
		}
	}
}

func TestAnOpenRouteGivesNobodyACookie(t *testing.T) {
	e := newEdge(t, withStudio)
	for _, pattern := range openRoutes {
		method, path, _ := strings.Cut(e.routes(someID)[pattern], " ")
		if response, _ := e.send(t, method, path, ""); response.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: a cookie with an answer that everybody shares", pattern)
		}
	}
	if first, _ := e.send(t, http.MethodGet, "/v1/limits", ""); first.Header.Get("Set-Cookie") == "" {
		t.Error("a caller without a key got no cookie")
	}
}

func TestNothingOfTheOperatorsIsOnThePublicListener(t *testing.T) {
	e := newEdge(t, withStudio)
	for _, path := range []string{"/metrics", "/healthz", "/readyz", "/debug/pprof/", "/debug/vars"} {
		if response, body := e.send(t, http.MethodGet, path, "", "Authorization: Bearer "+e.keys[0]); response.StatusCode != http.StatusNotFound || problemCode(t, response, body) != "not_found" {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
	}
}

func TestTheContractAndTheRoutesOfTheAPIAreTheSame(t *testing.T) {
	document, err := api.ReadContract()
	if err != nil {
		t.Fatal(err)
	}
	var contract struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(document, &contract); err != nil {
		t.Fatal(err)
	}
	e := newEdge(t)
	var documented []string
	for path, operations := range contract.Paths {
		for method, operation := range operations {
			if method == "parameters" {
				continue
			}
			pattern := strings.ToUpper(method) + " " + path
			documented = append(documented, pattern)
			security, told := operation.(map[string]any)["security"].([]any)
			if isOpen := told && len(security) == 0; isOpen != slices.Contains(openRoutes, pattern) {
				t.Errorf("%s: the contract says open = %v", pattern, isOpen)
			}
		}
	}
	slices.Sort(documented)
	served := slices.Sorted(slices.Values(e.mux.routes))
	if !slices.Equal(documented, served) {
		t.Errorf("documented: %q\nserved: %q", documented, served)
	}
}
