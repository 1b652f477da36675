// Package broker declares the topology, publishes with confirms, measures the queues and reads the dead letters.
// It holds two connections: an alarm of the broker stops the one that publishes, and must not stop acknowledgements.
package broker

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	amqp "github.com/rabbitmq/amqp091-go"
)

// Broker is the gateway's side of RabbitMQ. It is safe for concurrent use.
type Broker struct {
	topology   Topology
	publishing *link
	consuming  *link
	log        *slog.Logger
	outcomes   *prometheus.CounterVec

	mu    sync.Mutex
	lanes *lanes // of the current publishing connection
}

// New prepares a broker; Run connects it. Roots are the authorities of an amqps:// broker; nil means the system's.
func New(url string, roots *x509.CertPool, topology Topology, log *slog.Logger, registry prometheus.Registerer) *Broker {
	b := &Broker{topology: topology, log: log, outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "darkroom_publishes_total", Help: "Job messages published, by what the broker answered: acked, returned, nacked or unknown.",
	}, []string{"outcome"})}
	for _, o := range []Outcome{Acked, Returned, Nacked, Unknown} {
		b.outcomes.WithLabelValues(o.String())
	}
	registry.MustRegister(b.outcomes)
	b.publishing = newLink(url, roots, "darkroom-gateway-publish", log, b.openLanes)
	b.consuming = newLink(url, roots, "darkroom-gateway-consume", log, b.declareOn)
	return b
}

// Run keeps both connections until ctx ends.
func (b *Broker) Run(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { b.publishing.run(ctx) })
	both.Go(func() { b.consuming.run(ctx) })
	both.Wait()
}

// Ready reports why nothing can be published right now, or nil.
func (b *Broker) Ready(ctx context.Context) error {
	if _, err := b.publishing.wait(ctx); err != nil {
		return err
	}
	if b.currentLanes().alarm.raised() {
		return errors.New("RabbitMQ has raised an alarm and takes no messages")
	}
	return nil
}

func (b *Broker) openLanes(conn *amqp.Connection) error {
	if err := b.declareOn(conn); err != nil {
		return err
	}
	opened, err := openLanes(conn)
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.lanes = opened
	b.mu.Unlock()
	return nil
}

func (b *Broker) currentLanes() *lanes {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lanes
}

func (b *Broker) declareOn(conn *amqp.Connection) error {
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	if err := b.topology.declare(ch); err != nil {
		return err // an exception has closed the channel
	}
	return ch.Close()
}

// bounded runs an exchange with the broker that the library cannot bound itself. Past ctx it is left to end with its connection.
func bounded(ctx context.Context, exchange func() error) error {
	done := make(chan error, 1)
	go func() { done <- exchange() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
