package broker

import (
	"context"
	"errors"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const depthTimeout = 2 * time.Second

// Depth answers how many messages of a model are ready to be delivered. A queue that is gone is declared again, and is empty.
func (b *Broker) Depth(ctx context.Context, model string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, depthTimeout)
	defer cancel()
	conn, err := b.consuming.wait(ctx)
	if err != nil {
		return 0, err
	}
	depth := 0
	err = bounded(ctx, func() error {
		ch, err := conn.Channel()
		if err != nil {
			return err
		}
		q, err := ch.QueueDeclarePassive(b.topology.workQueue(model), true, false, false, false, nil)
		if err != nil {
			return err // an exception has closed the channel
		}
		depth = q.Messages
		return ch.Close()
	})
	if missing := new(amqp.Error); errors.As(err, &missing) && missing.Code == amqp.NotFound {
		b.log.Warn("a queue was gone and is declared again", "model", model)
		return 0, bounded(ctx, func() error { return b.declareOn(conn) })
	}
	if err != nil {
		return 0, err
	}
	return depth, nil
}
