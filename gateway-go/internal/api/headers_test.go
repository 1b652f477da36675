package api

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestAnIdempotencyKeyHasOneTo255VisibleCharacters(t *testing.T) {
	for name, c := range map[string]struct {
		sent []string
		want string
		bad  bool
	}{
		"none":           {nil, "", false},
		"one":            {[]string{"a"}, "a", false},
		"255":            {[]string{strings.Repeat("k", 255)}, strings.Repeat("k", 255), false},
		"a quoted one":   {[]string{`"8e03978e-40d5"`}, `"8e03978e-40d5"`, false},
		"empty":          {[]string{""}, "", true},
		"256":            {[]string{strings.Repeat("k", 256)}, "", true},
		"300":            {[]string{strings.Repeat("k", 300)}, "", true},
		"with a space":   {[]string{"a b"}, "", true},
		"with a tab":     {[]string{"a\tb"}, "", true},
		"with an umlaut": {[]string{"ä"}, "", true},
		"two of them":    {[]string{"a", "b"}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := idempotencyKey(http.Header{"Idempotency-Key": c.sent})
			if key != c.want || (err != nil) != c.bad {
				t.Errorf("got %q, %v", key, err)
			}
		})
	}
}

func TestAPreferredWaitIsReadAsRFC7240Says(t *testing.T) {
	for name, c := range map[string]struct {
		sent  []string
		want  time.Duration
		asked bool
	}{
		"none":               {nil, 0, false},
		"ten":                {[]string{"wait=10"}, 10 * time.Second, true},
		"none at all":        {[]string{"wait=0"}, 0, true},
		"quoted":             {[]string{`wait="10"`}, 10 * time.Second, true},
		"spaces, upper case": {[]string{"Wait = 10"}, 10 * time.Second, true},
		"with a parameter":   {[]string{"wait=10;foo=bar"}, 10 * time.Second, true},
		"among others":       {[]string{"respond-async, wait=10", "handling=lenient"}, 10 * time.Second, true},
		"in the second line": {[]string{"respond-async", "wait=3"}, 3 * time.Second, true},
		"the first counts":   {[]string{"wait=3, wait=9"}, 3 * time.Second, true},
		"more than a minute": {[]string{"wait=61"}, time.Minute, true},
		"the largest number": {[]string{"wait=2147483647"}, time.Minute, true},
		"beyond any number":  {[]string{"wait=99999999999999999999"}, 0, false},
		"negative":           {[]string{"wait=-1"}, 0, false},
		"a fraction":         {[]string{"wait=1.5"}, 0, false},
		"no number":          {[]string{"wait"}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			wait, asked := preferredWait(http.Header{"Prefer": c.sent})
			if wait != c.want || asked != c.asked {
				t.Errorf("got %v, %v", wait, asked)
			}
		})
	}
}

func FuzzHeaders(f *testing.F) {
	for _, seed := range []string{"wait=10", `wait="5";a=b, respond-async`, ",,;=", "8e03978e-40d5", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if wait, _ := preferredWait(http.Header{"Prefer": {value}}); wait < 0 || wait > longestWait {
			t.Errorf("%q waits %v", value, wait)
		}
		key, err := idempotencyKey(http.Header{"Idempotency-Key": {value}})
		if err == nil && (key != value || key == "" || len(key) > 255) {
			t.Errorf("%q was taken as the key %q", value, key)
		}
		_ = matches(http.Header{"If-None-Match": {value}}, `"1-2"`) // must not panic
	})
}
