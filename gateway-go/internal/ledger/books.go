package ledger

import (
	"context"
	"errors"
	"strconv"

	"darkroom/gateway/internal/job"

	"github.com/redis/go-redis/v9"
)

// Books counts the jobs that were accepted and what became of them.
func (l *Ledger) Books(ctx context.Context) (job.Ledger, error) {
	moment := l.client.TxPipeline() // both sides at one moment: jobs end while they are counted
	counters, open, missing := moment.HGetAll(ctx, "ledger"), moment.SMembers(ctx, "open"), moment.SMembers(ctx, "missing")
	if _, err := moment.Exec(ctx); err != nil {
		return job.Ledger{}, classify(err)
	}
	var books job.Ledger
	var err error
	for name, target := range map[string]*int64{
		"accepted": &books.Accepted, "succeeded": &books.Succeeded, "failed": &books.Failed, "canceled": &books.Canceled, "expired": &books.Expired,
	} {
		if text, present := counters.Val()[name]; present {
			if *target, err = strconv.ParseInt(text, 10, 64); err != nil {
				return job.Ledger{}, err
			}
		}
	}
	live, err := l.countLive(ctx, open.Val())
	if err != nil {
		return job.Ledger{}, err
	}
	books.InFlight = live + l.countRecovering(missing.Val())
	books.Unaccounted = books.Accepted - books.Succeeded - books.Failed - books.Canceled - books.Expired - books.InFlight
	return books, nil
}

// countLive counts the open jobs that can be proven to be under way: their record is live, or they have left the set since, as every job does that ends.
func (l *Ledger) countLive(ctx context.Context, open []string) (int64, error) {
	if len(open) == 0 {
		return 0, nil
	}
	pipe := l.client.Pipeline()
	states, still := make([]*redis.StringCmd, len(open)), make([]*redis.BoolCmd, len(open))
	for i, id := range open {
		states[i], still[i] = pipe.HGet(ctx, "job:"+id, "state"), pipe.SIsMember(ctx, "open", id)
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return 0, classify(err)
	}
	count := int64(0)
	for i, state := range states {
		if job.State(state.Val()).Live() || !still[i].Val() {
			count++
		}
	}
	return count, nil
}

// countRecovering counts the jobs that were accepted while their record was missing and whose deadline is not past: a worker has their message.
func (l *Ledger) countRecovering(missing []string) int64 {
	count, now := int64(0), l.Now()
	for _, id := range missing {
		if _, deadline, err := job.Times(id); err == nil && now.Before(deadline) {
			count++
		}
	}
	return count
}
