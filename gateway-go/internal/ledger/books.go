package ledger

import (
	"context"
	"errors"
	"strconv"

	"darkroom/gateway/internal/job"

	"github.com/redis/go-redis/v9"
)

// Pace is the recent average time of a succeeded job on a worker of this model, in ms; 0 while none is known.
func (l *Ledger) Pace(ctx context.Context, model string) (int64, error) {
	text, err := l.client.HGet(ctx, "pace:"+model, "ms").Result()
	if err != nil {
		if errors.Is(err, redis.Nil) {
			return 0, nil
		}
		return 0, classify(err)
	}
	return strconv.ParseInt(text, 10, 64)
}

// Books counts the jobs that were accepted and what became of them.
func (l *Ledger) Books(ctx context.Context) (job.Ledger, error) {
	counted, err := l.client.HGetAll(ctx, "ledger").Result()
	if err != nil {
		return job.Ledger{}, classify(err)
	}
	var books job.Ledger
	for name, target := range map[string]*int64{
		"accepted": &books.Accepted, "succeeded": &books.Succeeded, "failed": &books.Failed, "canceled": &books.Canceled, "expired": &books.Expired,
	} {
		if text, present := counted[name]; present {
			if *target, err = strconv.ParseInt(text, 10, 64); err != nil {
				return job.Ledger{}, err
			}
		}
	}
	if books.InFlight, err = l.inFlight(ctx); err != nil {
		return job.Ledger{}, err
	}
	books.Unaccounted = books.Accepted - books.Succeeded - books.Failed - books.Canceled - books.Expired - books.InFlight
	return books, nil
}

// inFlight counts what can be proven to be under way: open jobs whose record is live, and jobs whose record is missing while their deadline is not past.
func (l *Ledger) inFlight(ctx context.Context) (int64, error) {
	open, err := l.client.SMembers(ctx, "open").Result()
	if err != nil {
		return 0, classify(err)
	}
	missing, err := l.Missing(ctx)
	if err != nil {
		return 0, err
	}
	count := int64(0)
	now := l.Now()
	for _, id := range missing {
		if _, deadline, err := job.Times(id); err == nil && now.Before(deadline) {
			count++
		}
	}
	pipe := l.client.Pipeline()
	states := make([]*redis.StringCmd, len(open))
	for i, id := range open {
		states[i] = pipe.HGet(ctx, "job:"+id, "state")
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return 0, classify(err)
	}
	for _, state := range states {
		if job.State(state.Val()).Live() {
			count++
		}
	}
	return count, nil
}

// Missing answers the ids that were accepted while their record was missing.
func (l *Ledger) Missing(ctx context.Context) ([]string, error) {
	ids, err := l.client.SMembers(ctx, "missing").Result()
	return ids, classify(err)
}

// Open answers the ids of accepted jobs that have not ended.
func (l *Ledger) Open(ctx context.Context) ([]string, error) {
	ids, err := l.client.SMembers(ctx, "open").Result()
	return ids, classify(err)
}
