package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// Line is what an estimate needs of a model.
type Line struct {
	Length int           // waiting jobs
	Pace   time.Duration // recent average of a succeeded job on a worker, 0 while none is known
}

// Lines answers the lines of these models, in their order and in one round trip.
func (l *Ledger) Lines(ctx context.Context, models []string) ([]Line, error) {
	pipe := l.client.Pipeline()
	lengths, paces := make([]*redis.IntCmd, len(models)), make([]*redis.StringCmd, len(models))
	for i, model := range models {
		lengths[i], paces[i] = pipe.ZCard(ctx, Queued(model)), pipe.HGet(ctx, "pace:"+model, "ms")
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, classify(err)
	}
	lines := make([]Line, len(models))
	for i := range models {
		pace, err := paces[i].Int64()
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, classify(err)
		}
		lines[i] = Line{int(lengths[i].Val()), time.Duration(pace) * time.Millisecond}
	}
	return lines, nil
}
