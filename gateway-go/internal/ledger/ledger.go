// Package ledger runs the contract's scripts against Redis, and reads records.
package ledger

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"darkroom/gateway/internal/job"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	dialTimeout = time.Second
	ioTimeout   = 2 * time.Second
)

// Ledger is the gateway's side of Redis. It is safe for concurrent use. An error wraps job.ErrAway when the command surely did not run; any other error leaves that open.
type Ledger struct {
	client    *redis.Client
	scripts   scripts
	clock     clock
	retention time.Duration
}

// Open prepares a ledger; it connects when it is first used. Roots are the authorities of a rediss:// server; nil means the system's. Retention is how long an ended job is kept.
func Open(url string, roots *x509.CertPool, retention time.Duration) (*Ledger, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	if options.TLSConfig != nil {
		options.TLSConfig.RootCAs = roots
	}
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = dialTimeout, ioTimeout, ioTimeout
	options.ContextTimeoutEnabled = true
	// A repeated command would blur whether the first one ran; who may repeat does so.
	options.MaxRetries, options.DialerRetries = -1, 1
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	logging.Disable() // every failure is told by the call that met it
	loaded, err := loadScripts()
	if err != nil {
		return nil, err
	}
	return &Ledger{client: redis.NewClient(options), scripts: loaded, retention: retention}, nil
}

// Close ends all connections.
func (l *Ledger) Close() error { return l.client.Close() }

// Check connects, refuses an eviction policy and reads the clock. An error that wraps job.ErrMisconfigured is final.
func (l *Ledger) Check(ctx context.Context) error {
	info, err := l.client.Info(ctx, "memory").Result()
	if err != nil {
		return classify(err)
	}
	for line := range strings.Lines(info) {
		if policy, found := strings.CutPrefix(strings.TrimSpace(line), "maxmemory_policy:"); found && policy != "noeviction" {
			return fmt.Errorf("%w: Redis has maxmemory-policy %s and would throw jobs away; it must be noeviction", job.ErrMisconfigured, policy)
		}
	}
	return l.Resync(ctx)
}

// Ready reports why Redis does not answer right now, or nil. It asks for the time, so that the clock is right in a gateway without a janitor too.
func (l *Ledger) Ready(ctx context.Context) error { return l.Resync(ctx) }

// refusals are the server's error replies that come before a script has written anything.
var refusals = []string{"OOM ", "READONLY ", "LOADING ", "MISCONF ", "NOAUTH ", "WRONGPASS ", "NOPERM ", "BUSY ", "MASTERDOWN ", "ERR max number of clients"}

// classify marks the errors after which the command surely did not run.
func classify(err error) error {
	if err == nil || errors.Is(err, redis.Nil) {
		return err
	}
	if operation := new(net.OpError); errors.As(err, &operation) && operation.Op == "dial" {
		return fmt.Errorf("%w: %w", job.ErrAway, err)
	}
	if stranger := new(tls.CertificateVerificationError); errors.As(err, &stranger) || errors.Is(err, redis.ErrPoolTimeout) {
		return fmt.Errorf("%w: %w", job.ErrAway, err)
	}
	for _, refusal := range refusals {
		if strings.HasPrefix(err.Error(), refusal) {
			return fmt.Errorf("%w: %w", job.ErrAway, err)
		}
	}
	return err
}
