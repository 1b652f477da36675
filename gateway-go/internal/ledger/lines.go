package ledger

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// Line is what an estimate needs of a model.
type Line struct {
	Length int           // waiting jobs
	Pace   time.Duration // recent average of a succeeded job on a worker, 0 while none is known
	Wait   time.Duration // recent average of its time in the line
}

// Lines answers the lines of these models, in their order and in one round trip.
func (l *Ledger) Lines(ctx context.Context, models []string) ([]Line, error) {
	pipe := l.client.Pipeline()
	lengths, averages := make([]*redis.IntCmd, len(models)), make([]*redis.SliceCmd, len(models))
	for i, model := range models {
		lengths[i], averages[i] = pipe.ZCard(ctx, Queued(model)), pipe.HMGet(ctx, "pace:"+model, "ms", "wait_ms")
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, classify(err)
	}
	lines := make([]Line, len(models))
	for i := range models {
		var average struct {
			Pace int64 `redis:"ms"`
			Wait int64 `redis:"wait_ms"`
		}
		if err := averages[i].Scan(&average); err != nil {
			return nil, err
		}
		lines[i] = Line{int(lengths[i].Val()), time.Duration(average.Pace) * time.Millisecond, time.Duration(average.Wait) * time.Millisecond}
	}
	return lines, nil
}
