package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	dialTimeout  = 5 * time.Second
	writeTimeout = 5 * time.Second
	heartbeat    = 10 * time.Second
	longestPause = 5 * time.Second
)

// errNoConnection means that the broker is not connected right now: nothing was sent.
var errNoConnection = errors.New("the broker is not connected")

// link is one supervised connection: it is dialled again for as long as its context lives.
type link struct {
	url    string
	roots  *x509.CertPool
	name   string // shown by the broker
	log    *slog.Logger
	opened func(*amqp.Connection) error // prepares a fresh connection; an error closes it

	mu      sync.Mutex
	current *amqp.Connection
	lost    error         // why there is none
	changed chan struct{} // closed when current changes
}

func newLink(url string, roots *x509.CertPool, name string, log *slog.Logger, opened func(*amqp.Connection) error) *link {
	return &link{url: url, roots: roots, name: name, log: log, opened: opened, lost: errNoConnection, changed: make(chan struct{})}
}

// run connects and stays connected until ctx ends.
func (l *link) run(ctx context.Context) {
	pause := longestPause / 16
	for ctx.Err() == nil {
		connected := time.Now()
		err := l.serve(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(connected) > longestPause {
			pause = longestPause / 16
		}
		l.log.Warn("waiting for RabbitMQ", "connection", l.name, "error", err, "retry_ms", pause.Milliseconds())
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

// serve holds one connection until it is lost or ctx ends.
func (l *link) serve(ctx context.Context) error {
	conn, err := amqp.DialConfig(l.url, amqp.Config{
		Heartbeat: heartbeat, Dial: dial, Properties: amqp.Table{"connection_name": l.name, "product": "Darkroom"},
		TLSClientConfig: &tls.Config{RootCAs: l.roots, MinVersion: tls.VersionTLS12}, // a new one each time: the library writes the server's name into it
	})
	if err != nil {
		l.set(nil, err)
		return err
	}
	closed := conn.NotifyClose(make(chan *amqp.Error, 1))
	stop := context.AfterFunc(ctx, func() { _ = conn.CloseDeadline(time.Now().Add(time.Second)) })
	defer stop()
	if err := l.opened(conn); err != nil {
		l.set(nil, err)
		_ = conn.CloseDeadline(time.Now().Add(time.Second))
		return err
	}
	l.set(conn, nil)
	l.log.Info("RabbitMQ is connected", "connection", l.name)
	lost := <-closed
	l.set(nil, errNoConnection)
	if lost != nil {
		return lost
	}
	return errNoConnection
}

func (l *link) set(conn *amqp.Connection, lost error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current, l.lost = conn, lost
	close(l.changed)
	l.changed = make(chan struct{})
}

// wait answers the connection, waiting for one until ctx ends. A closed one is about to be noticed by serve, which tells by changed.
func (l *link) wait(ctx context.Context) (*amqp.Connection, error) {
	for {
		l.mu.Lock()
		conn, lost, changed := l.current, l.lost, l.changed
		l.mu.Unlock()
		if conn != nil && !conn.IsClosed() {
			return conn, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(errNoConnection, lost)
		case <-changed:
		}
	}
}

// dial bounds every write: a broker that no longer reads would otherwise hold a publish, and the close of its channel, for ever.
func dial(network, address string) (net.Conn, error) {
	conn, err := amqp.DefaultDial(dialTimeout)(network, address)
	if err != nil {
		return nil, err
	}
	return boundedConn{conn}, nil
}

type boundedConn struct{ net.Conn }

func (c boundedConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}
