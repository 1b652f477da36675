package ledger

import (
	"context"

	"darkroom/gateway/internal/job"
)

// DropInflight takes out of every owner's set of unfinished jobs the ids that stray reports.
func (l *Ledger) DropInflight(ctx context.Context, stray func(records map[string]job.Record, id string) bool) error {
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
			if stray(records, id) {
				if err := l.client.SRem(ctx, keys.Val(), id).Err(); err != nil {
					return classify(err)
				}
			}
		}
	}
	return classify(keys.Err())
}
