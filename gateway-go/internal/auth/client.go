package auth

import (
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the networks whose X-Forwarded headers are believed.
type Proxies []netip.Prefix

// ParseProxies reads addresses and networks; what is neither is left out, because config has refused it before.
func ParseProxies(texts []string) Proxies {
	var proxies Proxies
	for _, text := range texts {
		if network, err := netip.ParsePrefix(text); err == nil {
			proxies = append(proxies, network.Masked())
		} else if address, err := netip.ParseAddr(text); err == nil {
			proxies = append(proxies, netip.PrefixFrom(address, address.BitLen()))
		}
	}
	return proxies
}

// Client is the address that asks: the last one in X-Forwarded-For that is not a trusted proxy, when the connection itself comes from one.
func (p Proxies) Client(r *http.Request) netip.Addr {
	client := peer(r)
	if !p.trust(client) {
		return client
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return client
		}
		client = hop.Unmap().WithZone("")
		if !p.trust(client) {
			break
		}
	}
	return client
}

// Proxied reports whether a request comes through a proxy that is believed.
func (p Proxies) Proxied(r *http.Request) bool { return p.trust(peer(r)) }

// HTTPS reports whether the caller came by https, as far as is known.
func (p Proxies) HTTPS(r *http.Request) bool {
	return r.TLS != nil || p.trust(peer(r)) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

func (p Proxies) trust(address netip.Addr) bool {
	for _, network := range p {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

func peer(r *http.Request) netip.Addr {
	address, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return address.Addr().Unmap().WithZone("")
}
