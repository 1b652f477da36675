package server

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/go-chi/httprate"

	"darkroom/gateway/internal/auth"
	"darkroom/gateway/internal/job"
)

// rateWindow is what a rate is averaged over: a burst of all of it at once is allowed.
const rateWindow = 10 * time.Second

// Limits are requests per second, per owner and per address.
type Limits struct {
	owners, addresses *httprate.RateLimiter // nil = no limit
}

// NewLimits takes requests per second, 0 for no limit.
func NewLimits(perOwner, perAddress int) *Limits {
	return &Limits{owners: limiter(perOwner), addresses: limiter(perAddress)}
}

func limiter(perSecond int) *httprate.RateLimiter {
	if perSecond == 0 {
		return nil
	}
	silent := httprate.WithResponseHeaders(httprate.ResponseHeaders{}) // a poll is answered thousands of times: it carries no bookkeeping
	return httprate.NewRateLimiter(perSecond*int(rateWindow.Seconds()), rateWindow, silent)
}

// Gate answers the owner of a request, or why it is not let in.
type Gate = func(http.ResponseWriter, *http.Request) (owner string, err error)

// ByOwner lets an owner through until the rate is used up.
func (l *Limits) ByOwner(gate Gate) Gate {
	return func(w http.ResponseWriter, r *http.Request) (string, error) {
		owner, err := gate(w, r)
		if err == nil && l.owners != nil && l.owners.OnLimit(w, r, owner) {
			return "", tooFast()
		}
		return owner, err
	}
}

func (l *Limits) byAddress(proxies auth.Proxies, refuse Refuse, next http.Handler) http.Handler {
	if l.addresses == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l.addresses.OnLimit(w, r, network(proxies.Client(r))) {
			refuse(w, r, tooFast())
			return
		}
		next.ServeHTTP(w, r)
	})
}

// network is the address itself, or the /64 that one IPv6 customer has.
func network(address netip.Addr) string {
	if address.Is6() {
		return netip.PrefixFrom(address, 64).Masked().String()
	}
	return address.String()
}

func tooFast() error {
	return &job.Error{Code: job.RateLimited, Message: "Too many requests in a short time.", RetryAfter: rateWindow / 5}
}
