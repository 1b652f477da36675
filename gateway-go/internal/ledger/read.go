package ledger

import (
	"context"
	"errors"
	"fmt"

	"darkroom/gateway/internal/job"

	"github.com/redis/go-redis/v9"
)

// Read answers a record; found is false when there is none.
func (l *Ledger) Read(ctx context.Context, id string) (record job.Record, found bool, err error) {
	fields, err := l.client.HGetAll(ctx, "job:"+id).Result()
	if err != nil {
		return job.Record{}, false, classify(err)
	}
	if len(fields) == 0 {
		return job.Record{}, false, nil
	}
	record, err = job.ParseRecord(fields)
	return record, err == nil, err
}

// ReadAll answers the records of these jobs in one round trip; those that are missing are left out.
func (l *Ledger) ReadAll(ctx context.Context, ids []string) (map[string]job.Record, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	pipe := l.client.Pipeline()
	answers := make([]*redis.MapStringStringCmd, len(ids))
	for i, id := range ids {
		answers[i] = pipe.HGetAll(ctx, "job:"+id)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, classify(err)
	}
	records := make(map[string]job.Record, len(ids))
	for i, answer := range answers {
		if len(answer.Val()) == 0 {
			continue
		}
		record, err := job.ParseRecord(answer.Val())
		if err != nil {
			return nil, err
		}
		records[ids[i]] = record
	}
	return records, nil
}

// Position of a waiting job in its model's line, 1 is next; 0 when it does not wait there.
func (l *Ledger) Position(ctx context.Context, model, id string) (int, error) {
	rank, err := l.client.ZRank(ctx, "queued:"+model, id).Result()
	if errors.Is(err, redis.Nil) {
		return 0, nil
	}
	return int(rank) + 1, classify(err)
}

// List answers ids of an owner's jobs, newest first, from behind the id `after` ("" for the newest), and how many there are in all.
func (l *Ledger) List(ctx context.Context, owner, after string, limit int) (ids []string, total int, err error) {
	key, start := "owner:"+owner, int64(0)
	count, err := l.client.ZCard(ctx, key).Result()
	if err != nil {
		return nil, 0, classify(err)
	}
	if after != "" {
		created, _, err := job.Times(after)
		if err != nil {
			return nil, 0, err
		}
		if start, err = l.client.ZCount(ctx, key, fmt.Sprintf("(%d", created.UnixMilli()), "+inf").Result(); err != nil {
			return nil, 0, classify(err)
		}
	}
	for len(ids) < limit {
		found, err := l.client.ZRangeArgs(ctx, redis.ZRangeArgs{Key: key, Start: start, Stop: start + int64(limit) - 1, Rev: true}).Result()
		if err != nil {
			return nil, 0, classify(err)
		}
		if len(found) == 0 {
			break
		}
		start += int64(len(found))
		for _, id := range found { // ids begin with their time, so equal scores are in the order of ids
			if (after == "" || id < after) && len(ids) < limit {
				ids = append(ids, id)
			}
		}
	}
	return ids, int(count), nil
}

// Preview answers the latest small JPEG of a running job, nil when there is none.
func (l *Ledger) Preview(ctx context.Context, id string) ([]byte, error) {
	picture, err := l.client.Get(ctx, "preview:"+id).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return picture, classify(err)
}
