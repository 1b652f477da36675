package orders_test

import (
	"context"
	"errors"
	"testing"

	"darkroom/gateway/internal/broker"
	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/ledger"
	"darkroom/gateway/internal/orders"
	"darkroom/gateway/internal/testbed"
)

// twice submits with one key while the first request is held at its publish, whose outcome is then given.
func twice(t *testing.T, outcome broker.Outcome) (b *testbed.Bed, second job.Job, replayed bool, first error) {
	t.Helper()
	b = testbed.New(t, redisDatabase)
	held, release := make(chan string), make(chan struct{})
	a := &answering{outcomes: []broker.Outcome{outcome}, real: b.Broker, meddle: func(e broker.Envelope) {
		held <- e.ID
		<-release
	}}
	firstDone := make(chan error)
	go func() {
		_, _, err := b.Desk(b.Ledger, a, b.Store).Submit(context.Background(), owner, mug(), "key")
		firstDone <- err
	}()
	<-held
	type answer struct {
		job      job.Job
		replayed bool
		err      error
	}
	seen := &counting{Ledger: b.Ledger, replays: make(chan struct{}, 1000)}
	secondDone := make(chan answer)
	go func() {
		j, replayed, err := b.Desk(seen, b.Broker, b.Store).Submit(context.Background(), owner, mug(), "key")
		secondDone <- answer{j, replayed, err}
	}()
	<-seen.replays // it has found the first request's record, and waits
	close(release)
	first = <-firstDone
	got := <-secondDone
	if got.err != nil {
		t.Fatal(got.err)
	}
	return b, got.job, got.replayed, first
}

// counting tells when a submit was answered REPLAY.
type counting struct {
	orders.Ledger
	replays chan struct{}
}

func (c *counting) Submit(ctx context.Context, s ledger.Submission) (ledger.Submitted, error) {
	answer, err := c.Ledger.Submit(ctx, s)
	if answer.Word == ledger.Replay {
		c.replays <- struct{}{}
	}
	return answer, err
}

func TestAReplayWaitsForTheFirstRequestAndShowsItsJob(t *testing.T) {
	b, second, replayed, first := twice(t, broker.Acked)
	if first != nil || !replayed || second.Status != job.Queued {
		t.Fatalf("%v, %v, %+v", first, replayed, second)
	}
	if depth, err := b.Broker.Depth(t.Context(), b.Model); err != nil || depth != 1 {
		t.Errorf("%d messages, %v", depth, err)
	}
}

func TestAReplayOfARefusedRequestBecomesTheFirst(t *testing.T) {
	b, second, replayed, first := twice(t, broker.Returned)
	if codeOf(first) != job.BrokerUnavailable || replayed || second.Status != job.Queued {
		t.Fatalf("%v, %v, %+v", first, replayed, second)
	}
	if got := books(t, b); got.Accepted != 1 || got.InFlight != 1 || got.Unaccounted != 0 {
		t.Errorf("%+v", got)
	}
}

// blind cannot read records.
type blind struct{ orders.Ledger }

func (blind) Read(context.Context, string) (job.Record, bool, error) {
	return job.Record{}, false, errors.Join(job.ErrAway, errLost)
}

func TestAReplayThatCannotBeShownIsNoAnswerBecauseTheJobRuns(t *testing.T) {
	b := testbed.New(t, redisDatabase)
	if _, _, err := b.Desk(b.Ledger, b.Broker, b.Store).Submit(t.Context(), owner, mug(), "key"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Desk(blind{b.Ledger}, b.Broker, b.Store).Submit(t.Context(), owner, mug(), "key"); !errors.Is(err, job.ErrNoAnswer) {
		t.Fatal(err)
	}
}
