package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

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
	return l.parse(ctx, id, fields)
}

// parse reads a record. A damaged one is as good as lost, and is removed: its message, its verdict or its id bring the job to its end.
func (l *Ledger) parse(ctx context.Context, id string, fields map[string]string) (record job.Record, found bool, err error) {
	record, err = job.ParseRecord(fields)
	if !errors.Is(err, job.ErrDamaged) {
		return record, err == nil, err
	}
	slog.Error("a damaged record was removed", "job_id", id, "error", err)
	_, err = l.unless(ctx, id, func(s job.State) bool { return string(s) != fields["state"] }, func(pipe redis.Pipeliner) {
		pipe.Del(ctx, "job:"+id)
		if fields["told"] != "" && job.State(fields["state"]).Live() { // the books go on counting it
			pipe.SMove(ctx, "open", "missing", id)
		}
	})
	return job.Record{}, false, err
}

// ReadAll answers the records of these jobs in one round trip; those that are missing, or cannot be read, are left out.
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
		record, found, err := l.parse(ctx, ids[i], answer.Val())
		if err != nil {
			slog.Error("a record cannot be read", "job_id", ids[i], "error", err)
		} else if found {
			records[ids[i]] = record
		}
	}
	return records, nil
}

// Positions of waiting jobs in their models' lines, by id and in one round trip; 1 is next, 0 who does not wait there. Waiting names the model of each job.
func (l *Ledger) Positions(ctx context.Context, waiting map[string]string) (map[string]int, error) {
	if len(waiting) == 0 {
		return map[string]int{}, nil
	}
	pipe := l.client.Pipeline()
	ranks := make(map[string]*redis.IntCmd, len(waiting))
	for id, model := range waiting {
		ranks[id] = pipe.ZRank(ctx, Queued(model), id)
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, classify(err)
	}
	places := make(map[string]int, len(waiting))
	for id, rank := range ranks {
		if rank.Err() == nil {
			places[id] = int(rank.Val()) + 1
		}
	}
	return places, nil
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
