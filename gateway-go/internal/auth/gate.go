// Package auth says who is asking: the owner by API key or signed cookie, and the address behind trusted proxies.
package auth

import (
	"net/http"
	"strings"

	"darkroom/gateway/internal/job"
)

// Gate names the owner of every request.
type Gate struct {
	Keys      *Keys
	Cookies   *Cookies
	Anonymous bool // callers without a key get a cookie; otherwise they are refused
}

// Owner says who is asking. It is the only place that decides that, for the API and the page alike. A caller without a credential is given a cookie.
// Whoever shows a key is judged by the key alone: a wrong one never falls back to the cookie. The error is an unauthorized *job.Error.
func (g *Gate) Owner(w http.ResponseWriter, r *http.Request) (string, error) {
	if shown := r.Header.Values("Authorization"); len(shown) > 0 {
		return g.byKey(shown)
	}
	if !g.Anonymous {
		return "", &job.Error{Code: job.Unauthorized, Message: "This service asks for an API key. Send it as Authorization: Bearer dk_…"}
	}
	return g.Cookies.owner(w, r), nil
}

func (g *Gate) byKey(shown []string) (string, error) {
	refusal := &job.Error{Code: job.Unauthorized, Message: "This API key is not valid. Check it, or ask the operator for a new one."}
	if len(shown) != 1 {
		refusal.Message = "Send one Authorization header, not several."
		return "", refusal
	}
	scheme, key, _ := strings.Cut(shown[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		refusal.Message = "Send the API key as Authorization: Bearer dk_…"
		return "", refusal
	}
	id, ok := g.Keys.find(strings.TrimSpace(key))
	if !ok {
		return "", refusal
	}
	return job.Owner("key", id), nil
}
