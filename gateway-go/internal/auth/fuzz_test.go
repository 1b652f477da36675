package auth

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"darkroom/gateway/internal/job"
)

func FuzzForwarded(f *testing.F) {
	for _, seed := range []string{"203.0.113.9", "198.51.100.1, 10.0.0.2", "::ffff:203.0.113.9", "2001:db8::1%eth0", "nonsense,,", "[::1]:80", "10.0.0.1, 10.0.0.1"} {
		f.Add(seed, "192.0.2.1:1234")
		f.Add(seed, "10.0.0.1:1234")
	}
	proxies := ParseProxies([]string{"10.0.0.0/8"})
	f.Fuzz(func(t *testing.T, forwarded, peer string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = peer
		r.Header["X-Forwarded-For"] = []string{forwarded}
		client := proxies.Client(r)
		from, err := netip.ParseAddrPort(peer)
		if trusted := err == nil && proxies.trust(from.Addr().Unmap().WithZone("")); !trusted && client.IsValid() && client != from.Addr().Unmap().WithZone("") {
			t.Errorf("%q from the stranger %q was believed: %s", forwarded, peer, client)
		}
		if client.Is4In6() || client.Zone() != "" {
			t.Errorf("%q from %q: %s is counted beside what it is", forwarded, peer, client)
		}
	})
}

func FuzzCookie(f *testing.F) {
	keys, err := job.ParseKeys(strings.Repeat("0a", 32))
	if err != nil {
		f.Fatal(err)
	}
	cookies := NewCookies(keys, false, nil)
	issued := time.Date(2026, 11, 20, 22, 0, 0, 0, time.UTC) // the same in every process that fuzzes
	recorder := httptest.NewRecorder()
	cookies.give(recorder, httptest.NewRequest(http.MethodGet, "/", nil), "00112233", issued)
	given := recorder.Result().Cookies()[0].Value
	for _, seed := range []string{given, given + "; " + CookieName + "=x", given[:len(given)-1], "..", "a.1.b", "", "\x00", strings.Repeat("a", 4096)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Cookie"] = []string{CookieName + "=" + value}
		if random, _ := cookies.read(r, issued); random != "" && !strings.Contains(value, given) {
			t.Errorf("%q was forged: it names %q", value, random)
		}
	})
}

func FuzzAuthorization(f *testing.F) {
	file := filepath.Join(f.TempDir(), "keys")
	key, _, err := AddKey(file, "a test")
	if err != nil {
		f.Fatal(err)
	}
	keys, err := OpenKeys(file)
	if err != nil {
		f.Fatal(err)
	}
	gate := &Gate{Keys: keys}
	for _, seed := range []string{"Bearer dk_0000_0000", "bearer  x", "Basic eDp5", "", "Bearer", "Bearer \x00", "Bearer " + strings.Repeat("a", 4096)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Authorization"] = []string{value}
		if owner, err := gate.Owner(httptest.NewRecorder(), r); (err == nil || owner != "") && !strings.Contains(value, key) {
			t.Errorf("%q was let in as %q", value, owner)
		}
	})
}
