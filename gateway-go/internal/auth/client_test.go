package auth

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestTheClientIsWhoeverATrustedProxySaysAndNobodyElse(t *testing.T) {
	for name, c := range map[string]struct {
		peer      string
		forwarded []string
		want      string
	}{
		"no proxy":                           {"203.0.113.9:1234", nil, "203.0.113.9"},
		"a forged header without a proxy":    {"203.0.113.9:1234", []string{"198.51.100.1"}, "203.0.113.9"},
		"through a proxy":                    {"10.0.0.1:1234", []string{"203.0.113.9"}, "203.0.113.9"},
		"a forged hop in front of it":        {"10.0.0.1:1234", []string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9"},
		"a forged line in front of it":       {"10.0.0.1:1234", []string{"198.51.100.1", "203.0.113.9"}, "203.0.113.9"},
		"through two proxies":                {"10.0.0.1:1234", []string{"203.0.113.9, 10.0.0.2"}, "203.0.113.9"},
		"nonsense from the caller":           {"10.0.0.1:1234", []string{"nonsense"}, "10.0.0.1"},
		"nonsense in front of a proxy's hop": {"10.0.0.1:1234", []string{"nonsense, 10.0.0.2"}, "10.0.0.2"},
		"IPv6":                               {"[2001:db8::7]:1234", nil, "2001:db8::7"},
		"IPv6 with a zone":                   {"10.0.0.1:1234", []string{"2001:db8::7%eth0"}, "2001:db8::7"},
		"IPv4 in IPv6":                       {"[::ffff:10.0.0.1]:1234", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = c.peer
			for _, line := range c.forwarded {
				r.Header.Add("X-Forwarded-For", line)
			}
			if got := ParseProxies([]string{"10.0.0.0/9", "10.128.0.0/9"}).Client(r).String(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
