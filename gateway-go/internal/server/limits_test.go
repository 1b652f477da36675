package server

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"
)

func TestAnOwnerWhoAsksTooFastIsToldWhenToComeBackAndOthersAreNotHeldUp(t *testing.T) {
	e := newEdge(t, withLimits(1, 0))
	first, _ := e.send(t, http.MethodGet, "/v1/limits", "")
	fast := "Cookie: " + first.Header.Get("Set-Cookie")
	refused := 0
	for range 30 {
		if response, body := e.send(t, http.MethodGet, "/v1/limits", "", fast); response.StatusCode == http.StatusTooManyRequests {
			refused++
			if problemCode(t, response, body) != "rate_limited" || response.Header.Get("Retry-After") == "" {
				t.Fatalf("%v: %s", response.Header, body)
			}
		}
	}
	if refused < 15 || refused > 21 {
		t.Errorf("%d of 30 were refused, with 10 in 10 s allowed", refused)
	}
	if other, _ := e.send(t, http.MethodGet, "/v1/limits", ""); other.StatusCode != http.StatusOK {
		t.Errorf("another owner: %d", other.StatusCode)
	}
}

func TestAnAddressThatAsksTooFastIsRefusedWhoeverItSaysItIs(t *testing.T) {
	e := newEdge(t, withLimits(0, 1))
	refused := 0
	for range 30 {
		if response, _ := e.send(t, http.MethodGet, "/v1/limits", "", "X-Forwarded-For: 198.51.100.7"); response.StatusCode == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < 15 {
		t.Errorf("%d of 30 were refused, with 10 in 10 s allowed", refused)
	}
}

func TestAnIPv6CustomerIsOneNetwork(t *testing.T) {
	for address, want := range map[string]string{"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2:ffff::1": "2001:db8:1:2::/64", "203.0.113.9": "203.0.113.9"} {
		if got := network(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s counts as %s, want %s", address, got, want)
		}
	}
}

func TestAKeyThatAsksTooFastIsToldSoAndTheOthersAreNot(t *testing.T) {
	e := newEdge(t, withLimits(1, 0))
	fast, other := e.caller(t, e.keys[0]), e.caller(t, e.keys[1])
	refused := 0
	for range 1000 {
		if response, _ := fast.send(t, http.MethodGet, "/v1/limits", ""); response.StatusCode == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < 900 {
		t.Errorf("%d of 1000 were refused, with 1 a second allowed", refused)
	}
	for who, c := range map[string]*caller{"another key": other, "a guest": e.caller(t, "")} {
		if response, body := c.send(t, http.MethodGet, "/v1/limits", ""); response.StatusCode != http.StatusOK {
			t.Errorf("%s: %d: %s", who, response.StatusCode, body)
		}
	}
}

func TestBehindAProxyTheCallersAreToldApartAndANetworkOfIPv6IsOneCaller(t *testing.T) {
	e := newEdge(t, withLimits(0, 1), withProxies("127.0.0.1"))
	refused := 0
	for i := range 50 {
		from := fmt.Sprintf("X-Forwarded-For: 198.51.100.%d, 2001:db8:1:2::%x", i, i+1) // what stands before the proxy's own word may be forged
		if response, _ := e.send(t, http.MethodGet, "/v1/limits", "", from); response.StatusCode == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < 35 {
		t.Errorf("%d of 50 from one /64 were refused, with 10 in 10 s allowed", refused)
	}
	if other, _ := e.send(t, http.MethodGet, "/v1/limits", "", "X-Forwarded-For: 2001:db8:1:3::1"); other.StatusCode != http.StatusOK {
		t.Errorf("another network: %d", other.StatusCode)
	}
}
