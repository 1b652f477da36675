package broker

import (
	"context"
	"time"

	"darkroom/gateway/internal/failpoint"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.opentelemetry.io/otel/trace"

	"darkroom/gateway/internal/tracing"
)

// Outcome is what became of a publish.
type Outcome int

// Only Acked means that the message is kept, and only Nacked and Returned that it is not.
const (
	Unknown  Outcome = iota // it may be in the queue, or arrive there later
	Acked                   // on the disks of a quorum
	Returned                // no route, also after another declaration
	Nacked                  // refused: the queue is full
)

func (o Outcome) String() string { return [...]string{"unknown", "acked", "returned", "nacked"}[o] }

const (
	confirmTimeout = 5 * time.Second
	connectWait    = time.Second // for a connection that is just being renewed
)

var beforePublish, afterPublish = failpoint.Around("publish")

// Envelope is a job message with its properties. Times are ms since 1970 UTC.
type Envelope struct {
	ID          string
	Model       string // the routing key
	Version     int
	Deadline    int64
	PublishedAt int64
	Body        []byte
}

// Publish sends a durable message and awaits the broker's word, 5 s at most. A returned message is sent once more after another declaration.
func (b *Broker) Publish(ctx context.Context, e Envelope) Outcome {
	ctx, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	ctx, span := tracing.Begin(ctx, "publish "+b.topology.WorkQueue.Exchange, trace.SpanKindProducer, e.ID)
	defer span.End()
	outcome := b.publish(ctx, e)
	if outcome == Returned {
		if err := b.redeclare(ctx); err != nil {
			b.log.Warn("the topology could not be declared again", "error", err)
		}
		outcome = b.publish(ctx, e)
	}
	b.outcomes.WithLabelValues(outcome.String()).Inc()
	return outcome
}

func (b *Broker) publish(ctx context.Context, e Envelope) Outcome {
	soon, cancel := context.WithTimeout(ctx, connectWait)
	defer cancel()
	if err := beforePublish.Hit(); err != nil {
		return Unknown
	}
	if _, err := b.publishing.wait(soon); err != nil {
		return Unknown
	}
	pool := b.currentLanes()
	if pool.alarm.raised() {
		return Unknown
	}
	lane := pool.take(ctx)
	if lane == nil {
		return Unknown
	}
	confirm, err := lane.ch.PublishWithDeferredConfirm(b.topology.WorkQueue.Exchange, e.Model, true, false, e.properties(ctx, b.topology.MessageType))
	if err != nil {
		pool.replace(lane)
		return Unknown
	}
	select {
	case <-confirm.Done():
	case <-pool.alarm.signal():
		pool.replace(lane)
		return Unknown
	case <-ctx.Done():
		pool.replace(lane)
		return Unknown
	}
	if confirm.Acked() {
		defer func() { pool.free <- lane }()
		select {
		case <-lane.returns: // it precedes the confirm
			return Returned
		default:
			if err := afterPublish.Hit(); err != nil {
				return Unknown
			}
			return Acked
		}
	}
	if !lane.ch.IsClosed() {
		pool.free <- lane
		return Nacked
	}
	// A closing channel answers every open confirm with "no", which says nothing. The exchange may be gone: the next try must find it.
	pool.replace(lane)
	if !pool.conn.IsClosed() {
		if err := b.redeclare(ctx); err != nil {
			b.log.Warn("the topology could not be declared again", "error", err)
		}
	}
	return Unknown
}

func (b *Broker) redeclare(ctx context.Context) error {
	conn, err := b.publishing.wait(ctx)
	if err != nil {
		return err
	}
	return bounded(ctx, func() error { return b.declareOn(conn) })
}

func (e Envelope) properties(ctx context.Context, messageType string) amqp.Publishing {
	headers := amqp.Table{"version": int64(e.Version), "deadline": e.Deadline, "published_at": e.PublishedAt}
	if parent := tracing.ParentOf(ctx); parent != "" {
		headers[tracing.Header] = parent
	}
	return amqp.Publishing{
		DeliveryMode: amqp.Persistent, ContentType: "application/json", MessageId: e.ID, Type: messageType, Headers: headers, Body: e.Body,
	}
}
