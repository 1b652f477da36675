package auth

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"darkroom/gateway/internal/job"
)

func newGate(t *testing.T, anonymous bool) (gate *Gate, file string) {
	t.Helper()
	idKeys, err := job.ParseKeys(strings.Repeat("0a", 32))
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "keys")
	keys, err := OpenKeys(file)
	if err != nil {
		t.Fatal(err)
	}
	return &Gate{Keys: keys, Cookies: NewCookies(idKeys, false, nil), Anonymous: anonymous}, file
}

func addKey(t *testing.T, gate *Gate, file string) (key, id string) {
	t.Helper()
	key, entry, err := AddKey(file, "a test")
	if err != nil {
		t.Fatal(err)
	}
	lookAgain(gate)
	return key, entry.ID
}

// lookAgain makes the next look-up read the file if it has changed, as a second later.
func lookAgain(gate *Gate) { gate.Keys.looked = time.Time{} }

func ask(gate *Gate, change func(*http.Request)) (owner string, cookies []*http.Cookie, err error) {
	recorder, request := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/v1/jobs", nil)
	if change != nil {
		change(request)
	}
	owner, err = gate.Owner(recorder, request)
	return owner, recorder.Result().Cookies(), err
}

func withKey(keys ...string) func(*http.Request) {
	return func(r *http.Request) {
		for _, key := range keys {
			r.Header.Add("Authorization", "Bearer "+key)
		}
	}
}

func withCookies(cookies []*http.Cookie) func(*http.Request) {
	return func(r *http.Request) {
		for _, cookie := range cookies {
			r.AddCookie(cookie)
		}
	}
}

func TestACallerWithoutACredentialGetsACookieThatNamesTheSameOwnerAgain(t *testing.T) {
	gate, _ := newGate(t, true)
	owner, cookies, err := ask(gate, nil)
	if err != nil || len(cookies) != 1 {
		t.Fatalf("got %v, %d cookies", err, len(cookies))
	}
	if c := cookies[0]; !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure || c.MaxAge != 365*24*3600 || c.Path != "/" {
		t.Errorf("the cookie is %+v", c)
	}
	again, fresh, err := ask(gate, withCookies(cookies))
	if err != nil || again != owner || len(fresh) != 0 {
		t.Errorf("got %s, %v and %d cookies, want %s", again, err, len(fresh), owner)
	}
	if other, _, _ := ask(gate, nil); other == owner {
		t.Error("two guests are one owner")
	}
}

func TestACookieOfAnotherHandNamesNobody(t *testing.T) {
	gate, _ := newGate(t, true)
	owner, cookies, _ := ask(gate, nil)
	value := cookies[0].Value
	otherKeys, _ := job.ParseKeys(strings.Repeat("0b", 32))
	elsewhere := &Gate{Keys: gate.Keys, Cookies: NewCookies(otherKeys, false, nil), Anonymous: true}
	_, foreign, _ := ask(elsewhere, nil)
	for name, forged := range map[string]string{
		"a bit flipped in the name": flip(value, 0), "a bit flipped in the signature": flip(value, len(value)-1),
		"no signature": value[:strings.LastIndexByte(value, '.')], "empty": "", "dots": "..", "of another gateway": foreign[0].Value,
	} {
		got, fresh, err := ask(gate, withCookies([]*http.Cookie{{Name: CookieName, Value: forged}}))
		if err != nil || got == owner || len(fresh) != 1 {
			t.Errorf("%s: got %s, %v, %d cookies", name, got, err, len(fresh))
		}
	}
	planted := []*http.Cookie{{Name: CookieName, Value: "planted.1.x"}, cookies[0]}
	if got, _, _ := ask(gate, withCookies(planted)); got != owner {
		t.Error("a planted cookie hides the real one")
	}
}

func flip(text string, at int) string {
	changed := []byte(text)
	changed[at] ^= 1
	return string(changed)
}

func TestACookieIsRenewedAfterAMonthAndForgottenAfterAYear(t *testing.T) {
	gate, _ := newGate(t, true)
	random := newRandom(16)
	issue := func(age time.Duration) []*http.Cookie {
		recorder := httptest.NewRecorder()
		gate.Cookies.give(recorder, httptest.NewRequest(http.MethodGet, "/", nil), random, time.Now().Add(-age))
		return recorder.Result().Cookies()
	}
	owner, fresh, _ := ask(gate, withCookies(issue(31*24*time.Hour)))
	if owner != job.Owner("cookie", random) || len(fresh) != 1 {
		t.Errorf("after a month: %s, %d new cookies", owner, len(fresh))
	}
	if renewed, again, _ := ask(gate, withCookies(fresh)); renewed != owner || len(again) != 0 {
		t.Error("the renewed cookie names somebody else, or is renewed at once")
	}
	if owner, _, _ := ask(gate, withCookies(issue(366*24*time.Hour))); owner == job.Owner("cookie", random) {
		t.Error("a cookie of more than a year still counts")
	}
}

func TestTheCookieIsForHTTPSAloneWhenThePageIs(t *testing.T) {
	gate, _ := newGate(t, true)
	gate.Cookies.proxies = ParseProxies([]string{"192.0.2.1"}) // where httptest's requests come from
	_, cookies, _ := ask(gate, func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") })
	if !cookies[0].Secure {
		t.Error("https through a trusted proxy gave a cookie for http")
	}
	gate.Cookies.proxies = nil
	_, cookies, _ = ask(gate, func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") })
	if cookies[0].Secure {
		t.Error("a header of a stranger was believed")
	}
	gate.Cookies.secure = true
	if _, cookies, _ = ask(gate, nil); !cookies[0].Secure {
		t.Error("a service published by https gave a cookie for http")
	}
}

func TestAKeyNamesItsOwnerUntilItIsRevoked(t *testing.T) {
	gate, file := newGate(t, false)
	key, id := addKey(t, gate, file)
	owner, cookies, err := ask(gate, withKey(key))
	if err != nil || owner != job.Owner("key", id) || len(cookies) != 0 {
		t.Fatalf("got %s, %v, %d cookies", owner, err, len(cookies))
	}
	second, _ := addKey(t, gate, file)
	if err := RevokeKey(file, id); err != nil {
		t.Fatal(err)
	}
	lookAgain(gate)
	if _, _, err := ask(gate, withKey(key)); !unauthorized(err) {
		t.Errorf("a revoked key: %v", err)
	}
	if _, _, err := ask(gate, withKey(second)); err != nil {
		t.Errorf("the other key: %v", err)
	}
	if err := RevokeKey(file, id); !errors.Is(err, ErrNoSuchKey) {
		t.Errorf("revoked twice: %v", err)
	}
}

func TestTheKeyFileHoldsNoKey(t *testing.T) {
	gate, file := newGate(t, false)
	key, _ := addKey(t, gate, file)
	text, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(text), key) || strings.Contains(string(text), key[len(key)-32:]) {
		t.Errorf("%v: %s", err, text)
	}
	if info, _ := os.Stat(file); info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v", info.Mode())
	}
}

func TestAWrongKeyIsRefusedAndNeverFallsBackToTheCookie(t *testing.T) {
	gate, file := newGate(t, true)
	_, cookies, _ := ask(gate, nil)
	key, _ := addKey(t, gate, file)
	for name, change := range map[string]func(*http.Request){
		"wrong by a letter": withKey(flip(key, len(key)-1)),
		"cut":               withKey(key[:len(key)-1]),
		"empty":             withKey(""),
		"twice":             withKey(key, key),
		"of 30 kB":          withKey("dk_" + strings.Repeat("a", 30_000)),
		"by another scheme": func(r *http.Request) { r.SetBasicAuth("dk", key) },
		"without a scheme":  func(r *http.Request) { r.Header.Set("Authorization", key) },
	} {
		_, fresh, err := ask(gate, func(r *http.Request) { withCookies(cookies)(r); change(r) })
		if !unauthorized(err) || len(fresh) != 0 {
			t.Errorf("%s: %v, %d cookies", name, err, len(fresh))
		}
	}
}

func TestAServiceForKeysOnlyAsksForOne(t *testing.T) {
	gate, _ := newGate(t, false)
	if _, cookies, err := ask(gate, nil); !unauthorized(err) || len(cookies) != 0 {
		t.Errorf("got %v, %d cookies", err, len(cookies))
	}
}

func TestAKeyFileThatBecameUnreadableKeepsTheKeysKnownBefore(t *testing.T) {
	gate, file := newGate(t, false)
	key, _ := addKey(t, gate, file)
	if _, _, err := ask(gate, withKey(key)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("not a key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	lookAgain(gate)
	if _, _, err := ask(gate, withKey(key)); err != nil {
		t.Errorf("got %v", err)
	}
	if _, err := OpenKeys(file); err == nil || !strings.Contains(err.Error(), file+":1") {
		t.Errorf("a start with it: %v, want the line", err)
	}
}

func unauthorized(err error) bool {
	var refusal *job.Error
	return errors.As(err, &refusal) && refusal.Code == job.Unauthorized
}

func TestKeyFilesOfEarlierReleasesAreRead(t *testing.T) {
	files, err := filepath.Glob("../../../contract/examples/released/*/api_keys")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples (%v)", err)
	}
	for _, file := range files {
		if entries, err := ReadEntries(file); err != nil || len(entries) == 0 || entries[0].Name == "" {
			t.Errorf("%s: %+v, %v", file, entries, err)
		}
	}
}
