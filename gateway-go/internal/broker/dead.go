package broker

import (
	"context"
	"time"

	"darkroom/gateway/internal/tracing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Dead is a message that died in a work queue, or that a worker put aside.
type Dead struct {
	ID          string // message_id; may be anything
	Body        []byte
	PublishedAt int64  // ms, 0 when the header is missing
	Reason      string // of our own: "garbage: …"
	Death       string // of the broker: rejected, expired, maxlen, delivery_limit
	Traceparent string // of the span that it came from, "" for none
}

const deadPrefetch = 1

// ConsumeDead hands every dead letter to bury, one at a time, until ctx ends. A letter is acknowledged once bury answers nil, and handed over again after a pause
// until then: it is held, never given back, because the broker counts deliveries and drops what it counts too often.
func (b *Broker) ConsumeDead(ctx context.Context, bury func(context.Context, Dead) error) {
	for ctx.Err() == nil {
		if err := b.consumeDead(ctx, bury); err != nil && ctx.Err() == nil {
			b.log.Warn("dead letters are not being read", "error", err)
		}
		rest(ctx)
	}
}

func (b *Broker) consumeDead(ctx context.Context, bury func(context.Context, Dead) error) error {
	conn, err := b.consuming.wait(ctx)
	if err != nil {
		return err
	}
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	defer func() { _ = ch.Close() }()
	if err := b.topology.declare(ch); err != nil {
		return err
	}
	if err := ch.Qos(deadPrefetch, 0, false); err != nil {
		return err
	}
	letters, err := ch.ConsumeWithContext(ctx, b.topology.DeadQueue.Name, "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	for letter := range letters {
		for {
			err := bury(ctx, readDead(letter))
			if err == nil {
				break
			}
			if ctx.Err() != nil || ch.IsClosed() {
				return err
			}
			b.log.Warn("a dead letter waits", "job_id", letter.MessageId, "error", err)
			rest(ctx)
		}
		if err := letter.Ack(false); err != nil {
			return err
		}
	}
	return nil // cancelled by the broker, or the channel is closed
}

func rest(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Second):
	}
}

func readDead(letter amqp.Delivery) Dead {
	reason, _ := letter.Headers["reason"].(string)
	parent, _ := letter.Headers[tracing.Header].(string)
	return Dead{
		ID: letter.MessageId, Body: letter.Body, Reason: reason, Death: lastDeath(letter.Headers), Traceparent: parent,
		PublishedAt: number(letter.Headers["published_at"]),
	}
}

// lastDeath is why the message came here. Its first death says nothing: for every copy that was delayed, that was the end of the delay.
func lastDeath(headers amqp.Table) string {
	deaths, _ := headers["x-death"].([]any) // the latest comes first
	if len(deaths) == 0 {
		return ""
	}
	latest, _ := deaths[0].(amqp.Table)
	reason, _ := latest["reason"].(string)
	return reason
}

func number(header any) int64 {
	switch n := header.(type) {
	case int64:
		return n
	case int32:
		return int64(n)
	case int16:
		return int64(n)
	case byte:
		return int64(n)
	default:
		return 0
	}
}
