package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"net/http"
	"strconv"
	"strings"
	"time"

	"darkroom/gateway/internal/job"
)

// CookieName is part of the HTTP contract.
const CookieName = "darkroom_owner"

const (
	cookieLife  = 365 * 24 * time.Hour
	cookieRenew = 30 * 24 * time.Hour // older ones are signed anew, so that a regular guest is never forgotten
)

var cookieText = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// Cookies make and read the signed cookie of a caller without a key: `random.issued.mac`, issued in seconds since 1970.
type Cookies struct {
	keys    [][]byte // the first signs, all verify
	secure  bool
	proxies Proxies
}

// NewCookies signs with keys derived from the id keys. Secure is for a service that people reach by https alone.
func NewCookies(keys job.Keys, secure bool, proxies Proxies) *Cookies {
	return &Cookies{keys: keys.Derive("owner cookie"), secure: secure, proxies: proxies}
}

func (c *Cookies) owner(w http.ResponseWriter, r *http.Request) string {
	now := time.Now()
	random, issued := c.read(r, now)
	if random == "" {
		random = newRandom(16)
	}
	if now.Sub(issued) > cookieRenew {
		c.give(w, r, random, now)
	}
	return job.Owner("cookie", random)
}

// read answers the first cookie that proves itself: another site of the same domain may have planted one beside it.
func (c *Cookies) read(r *http.Request, now time.Time) (random string, issued time.Time) {
	for _, cookie := range r.CookiesNamed(CookieName) {
		signed, mac, _ := cutLast(cookie.Value)
		if !c.proves(signed, mac) {
			continue
		}
		random, seconds, _ := strings.Cut(signed, ".")
		at, err := strconv.ParseInt(seconds, 10, 64)
		if issued := time.Unix(at, 0); err == nil && now.Sub(issued) <= cookieLife {
			return random, issued
		}
	}
	return "", time.Time{}
}

func (c *Cookies) proves(signed, mac string) bool {
	proven := false
	for _, key := range c.keys {
		proven = hmac.Equal([]byte(mac), []byte(sign(key, signed))) || proven
	}
	return proven
}

func (c *Cookies) give(w http.ResponseWriter, r *http.Request, random string, now time.Time) {
	signed := random + "." + strconv.FormatInt(now.Unix(), 10)
	http.SetCookie(w, &http.Cookie{
		Name: CookieName, Value: signed + "." + sign(c.keys[0], signed), Path: "/", MaxAge: int(cookieLife.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: c.secure || c.proxies.HTTPS(r),
	})
}

func sign(key []byte, text string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return cookieText.EncodeToString(mac.Sum(nil)[:16])
}

func newRandom(bytes int) string {
	random := make([]byte, bytes)
	_, _ = rand.Read(random) // never fails, by its documentation
	return cookieText.EncodeToString(random)
}

func cutLast(text string) (before, after string, found bool) {
	i := strings.LastIndexByte(text, '.')
	if i < 0 {
		return "", "", false
	}
	return text[:i], text[i+1:], true
}
