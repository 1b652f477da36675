package ledger

import (
	"context"
	"sync"
	"time"
)

// clock is Redis time, carried on by the local monotonic clock.
type clock struct {
	mu    sync.Mutex
	redis time.Time // what Redis said
	local time.Time // when; its monotonic part does not jump
}

func (c *clock) set(redis time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.redis, c.local = redis, time.Now()
}

// Now is Redis time as far as it is known; the local clock before Redis was ever reached.
func (l *Ledger) Now() time.Time {
	l.clock.mu.Lock()
	defer l.clock.mu.Unlock()
	if l.clock.redis.IsZero() {
		return time.Now().UTC()
	}
	return l.clock.redis.Add(time.Since(l.clock.local)).UTC()
}

// Resync asks Redis for its time.
func (l *Ledger) Resync(ctx context.Context) error {
	now, err := l.client.Time(ctx).Result()
	if err != nil {
		return classify(err)
	}
	l.clock.set(now)
	return nil
}
