package ledger

import (
	"context"
	"errors"
	"strconv"
	"time"

	"darkroom/gateway/internal/job"

	"github.com/redis/go-redis/v9"
)

// The sorted sets that the janitor works through, by the time at which a member is due.
const (
	Outbox   = "outbox"
	Leases   = "lease"
	Deadline = "deadline"
	Unsealed = "unsealed"
	GC       = "gc"
)

// Queued is the line of a model, by time of submission.
func Queued(model string) string { return "queued:" + model }

// Due answers members of a sorted set whose score is at most until, lowest first.
func (l *Ledger) Due(ctx context.Context, set string, until time.Time, limit int) ([]string, error) {
	ids, err := l.client.ZRangeArgs(ctx, redis.ZRangeArgs{Key: set, ByScore: true, Start: "-inf", Stop: until.UnixMilli(), Count: int64(limit)}).Result()
	return ids, classify(err)
}

// All answers every member of a sorted set, lowest first.
func (l *Ledger) All(ctx context.Context, set string) ([]string, error) {
	ids, err := l.client.ZRange(ctx, set, 0, -1).Result()
	return ids, classify(err)
}

// Waiting answers how many jobs wait in a model's line, and for how long the oldest has.
func (l *Ledger) Waiting(ctx context.Context, model string) (length int, oldest time.Duration, err error) {
	pipe := l.client.Pipeline()
	count, first := pipe.ZCard(ctx, Queued(model)), pipe.ZRangeWithScores(ctx, Queued(model), 0, 0)
	if _, err := pipe.Exec(ctx); err != nil {
		return 0, 0, classify(err)
	}
	for _, member := range first.Val() {
		oldest = max(0, l.Now().Sub(time.UnixMilli(int64(member.Score))))
	}
	return int(count.Val()), oldest, nil
}

// Drop takes a member out of a sorted set, unless its record is in a state that belongs there; "" is that of a missing one.
func (l *Ledger) Drop(ctx context.Context, set, id string, belongs func(job.State) bool) (dropped bool, err error) {
	return l.unless(ctx, id, belongs, func(pipe redis.Pipeliner) { pipe.ZRem(ctx, set, id) })
}

// unless removes what depends on a record, in the same moment in which it looks at it: what moves in between is left alone.
func (l *Ledger) unless(ctx context.Context, id string, keeps func(job.State) bool, remove func(redis.Pipeliner)) (removed bool, err error) {
	err = l.client.Watch(ctx, func(tx *redis.Tx) error {
		state, err := tx.HGet(ctx, "job:"+id, "state").Result()
		if err != nil && !errors.Is(err, redis.Nil) || keeps(job.State(state)) {
			return err
		}
		removed = true
		_, err = tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error { remove(pipe); return nil })
		return err
	}, "job:"+id)
	if errors.Is(err, redis.TxFailedErr) {
		return false, nil
	}
	return removed && err == nil, classify(err)
}

// Look moves the time at which the janitor looks at an ended job or tombstone again.
func (l *Ledger) Look(ctx context.Context, id string, at time.Time) error {
	return classify(l.client.ZAddXX(ctx, GC, redis.Z{Score: float64(at.UnixMilli()), Member: id}).Err())
}

// Unsealed reports whether a job was ended in Redis alone and its verdict is not yet in S3.
func (l *Ledger) Unsealed(ctx context.Context, id string) (bool, error) {
	err := l.client.ZScore(ctx, Unsealed, id).Err()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	return err == nil, classify(err)
}

// Forget removes what nobody asks for any more: an abandoned record, or a tombstone whose id is older than any answer but "expired" could be.
func (l *Ledger) Forget(ctx context.Context, id, owner string) error {
	keeps := func(s job.State) bool { return s != job.StateAbandoned && s != job.StateTombstone }
	_, err := l.unless(ctx, id, keeps, func(pipe redis.Pipeliner) {
		pipe.Del(ctx, "job:"+id)
		pipe.ZRem(ctx, GC, id)
		pipe.ZRem(ctx, "owner:"+owner, id)
	})
	return err
}

// Mark answers, for a model, the latest stamp of all messages claimed before a time: a message with an earlier stamp that is still waiting was overtaken.
func (l *Ledger) Mark(ctx context.Context, model string, before time.Time) (int64, error) {
	buckets, err := l.client.HGetAll(ctx, "mark:"+model).Result()
	if err != nil {
		return 0, classify(err)
	}
	highest := int64(0)
	for name, stamp := range buckets {
		published, err := strconv.ParseInt(stamp, 10, 64)
		if err != nil {
			return 0, err
		}
		bucket := int64(0) // "old"
		if name != "old" {
			if bucket, err = strconv.ParseInt(name, 10, 64); err != nil {
				return 0, err
			}
		}
		if (bucket+1)*markBucketMS <= before.UnixMilli() {
			highest = max(highest, published)
		}
	}
	return highest, nil
}

const markBucketMS = 5000 // as claim.lua cuts them

// Epoch answers the mark that a gateway set when Redis was last empty; candidate is put there when there is none. "" when it was lost in between.
func (l *Ledger) Epoch(ctx context.Context, candidate string) (string, error) {
	fresh, err := l.client.MSetNX(ctx, "epoch", candidate, "since", l.Now().UnixMilli()).Result() // both or none
	if err == nil && !fresh {
		fresh, err = l.client.SetNX(ctx, "epoch", candidate, 0).Result() // a restored backup brings its own `since`, and no epoch
	}
	if err != nil {
		return "", classify(err)
	}
	if fresh {
		return candidate, nil
	}
	epoch, err := l.client.Get(ctx, "epoch").Result()
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	return epoch, classify(err)
}
