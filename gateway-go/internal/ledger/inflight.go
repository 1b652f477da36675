package ledger

import (
	"context"

	"darkroom/gateway/internal/job"

	"github.com/redis/go-redis/v9"
)

// DropInflight takes out of every owner's set of unfinished jobs the ids whose record is not live.
func (l *Ledger) DropInflight(ctx context.Context) error {
	keys := l.client.Scan(ctx, 0, "inflight:*", 1000).Iterator()
	for keys.Next(ctx) {
		ids, err := l.client.SMembers(ctx, keys.Val()).Result()
		if err != nil {
			return classify(err)
		}
		records, err := l.ReadAll(ctx, ids)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if records[id].State.Live() {
				continue
			}
			if _, err := l.unless(ctx, id, job.State.Live, func(pipe redis.Pipeliner) { pipe.SRem(ctx, keys.Val(), id) }); err != nil {
				return err
			}
		}
	}
	return classify(keys.Err())
}
