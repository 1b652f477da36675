package orders

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"darkroom/gateway/internal/catalog"
	"darkroom/gateway/internal/ledger"
)

// slow is a Redis that answers when it is told to.
type slow struct {
	Ledger
	answers chan []ledger.Heartbeat
}

func (s slow) Workers(context.Context) ([]ledger.Heartbeat, error) { return <-s.answers, nil }

func (slow) Lines(_ context.Context, models []string) ([]ledger.Line, error) {
	return make([]ledger.Line, len(models)), nil
}

func TestASlowRedisHoldsUpOnlyTheOneWhoLooksAtTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		redis := slow{answers: make(chan []ledger.Heartbeat)}
		f := newFleet(redis, catalog.Catalog{})
		look := func() chan int {
			seen := make(chan int, 1)
			go func() {
				s, err := f.look(t.Context())
				if err != nil {
					t.Error(err)
				}
				seen <- len(s.workers)
			}()
			synctest.Wait()
			return seen
		}
		waits := func(seen chan int) bool { return len(seen) == 0 }

		first, second := look(), look()
		if !waits(first) || !waits(second) {
			t.Fatal("answered before anything was known")
		}
		redis.answers <- make([]ledger.Heartbeat, 1)
		if <-first != 1 || <-second != 1 {
			t.Fatal("the two who came first share a picture")
		}
		time.Sleep(2 * time.Second)
		taker, other := look(), look()
		if !waits(taker) || waits(other) || <-other != 1 {
			t.Fatal("one takes the next picture, the other has the last")
		}
		time.Sleep(4 * time.Second)
		late := look()
		if !waits(late) {
			t.Fatal("a picture of six seconds ago was shown")
		}
		redis.answers <- make([]ledger.Heartbeat, 2)
		if <-taker != 2 || <-late != 2 {
			t.Fatal("the new picture was not shown")
		}
	})
}
