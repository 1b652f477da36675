package ledger

import (
	"context"
	"errors"
	"strconv"
	"time"

	"darkroom/gateway/internal/job"

	"github.com/redis/go-redis/v9"
)

// Word answers since when the books count, how many estimates held, and which worker was lost last.
func (l *Ledger) Word(ctx context.Context) (job.Word, error) {
	silent := strconv.FormatInt(l.Now().Add(-heartbeatAge).UnixMilli(), 10)
	pipe := l.client.Pipeline()
	since, estimates := pipe.Get(ctx, "since"), pipe.HMGet(ctx, "estimates", "told", "held")
	lost := pipe.ZRangeArgsWithScores(ctx, redis.ZRangeArgs{Key: "workers", ByScore: true, Rev: true, Start: "(" + silent, Stop: "-inf", Count: 1})
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return job.Word{}, classify(err)
	}
	word := job.Word{Told: count(estimates.Val()[0]), Held: count(estimates.Val()[1])}
	if began, err := since.Int64(); err == nil {
		word.Since = new(time.UnixMilli(began).UTC())
	}
	for _, worker := range lost.Val() {
		name, _ := worker.Member.(string)
		word.Lost = &job.LostWorker{Name: name, SeenAt: time.UnixMilli(int64(worker.Score)).UTC()}
	}
	return word, nil
}

// count reads a counter of a hash, 0 where it is absent.
func count(field any) int64 {
	text, _ := field.(string)
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// CountEstimate notes that an estimate held, or not.
func (l *Ledger) CountEstimate(ctx context.Context, held bool) error {
	pipe := l.client.Pipeline()
	pipe.HIncrBy(ctx, "estimates", "told", 1)
	if held {
		pipe.HIncrBy(ctx, "estimates", "held", 1)
	}
	_, err := pipe.Exec(ctx)
	return classify(err)
}
