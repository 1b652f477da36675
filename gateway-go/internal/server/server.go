// Package server is the edge: listeners, middleware, health, metrics, shutdown.
package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// The four timeouts of a listener. Long waits and pictures move their own deadlines.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeader         = 32 << 10 // bytes; more is 431
)

// Listener is one address and what it serves.
type Listener struct {
	Key     string // the setting that names the address, for the message when it is taken
	Address string
	Handler http.Handler
}

// Run serves until ctx ends, then lets requests in flight finish for at most grace. The listeners stop in their order, so that health and metrics,
// the last, are seen to the end. The error says why serving could not begin, or ended early.
func Run(ctx context.Context, grace time.Duration, log *slog.Logger, listeners ...Listener) error {
	servers, err := open(ctx, log, listeners)
	if err != nil {
		return err
	}
	ended := make(chan error, len(servers))
	for _, s := range servers {
		go func() { ended <- s.Serve(s.listener) }()
	}
	var failed error
	select {
	case <-ctx.Done():
	case failed = <-ended:
	}
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	for _, s := range servers {
		if err := s.Shutdown(deadline); err != nil {
			log.Warn("requests cut at shutdown", "address", s.Addr, "error", err)
			_ = s.Close() // nothing is left to be done about its error
		}
	}
	return failed
}

type openServer struct {
	*http.Server
	listener net.Listener
}

func open(ctx context.Context, log *slog.Logger, listeners []Listener) ([]openServer, error) {
	var servers []openServer
	for _, l := range listeners {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", l.Address)
		if err != nil {
			for _, s := range servers {
				_ = s.listener.Close() // the start has failed already
			}
			return nil, fmt.Errorf("%s=%s cannot be used: %w", l.Key, l.Address, err)
		}
		servers = append(servers, openServer{listener: listener, Server: &http.Server{
			Addr: l.Address, Handler: l.Handler,
			ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		}})
		log.Info("listening", "key", l.Key, "address", listener.Addr().String())
	}
	return servers, nil
}
