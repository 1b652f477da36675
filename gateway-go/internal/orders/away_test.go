package orders_test

import (
	"context"
	"errors"
	"testing"

	"darkroom/gateway/internal/broker"
	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/orders"
	"darkroom/gateway/internal/store"
	"darkroom/gateway/internal/testbed"
)

// away is an S3 that nobody reaches.
func away(t *testing.T, b *testbed.Bed) *store.Store {
	t.Helper()
	s, err := store.Open(store.Settings{Endpoint: "127.0.0.1:1", AccessKey: "a", SecretKey: "b", Bucket: "ccc"}, b.Decoder)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestACancelOfALostRecordIsKept(t *testing.T) {
	b, d := whole(t)
	id := submit(t, d).ID
	b.Redis.FlushDB(t.Context())
	if j, err := d.Cancel(t.Context(), owner, id); err != nil || j.Status != job.Canceled {
		t.Fatalf("%+v, %v", j, err)
	}
	b.Redis.FlushDB(t.Context())
	if _, err := b.Desk(b.Ledger, b.Broker, away(t, b)).Cancel(t.Context(), owner, id); codeOf(err) != job.StorageUnavailable {
		t.Errorf("with the record missing and S3 away: %v", err)
	}
}

func TestWithS3AwayACancelIsDecidedInRedisAndSealedLater(t *testing.T) {
	b, d := whole(t)
	id := submit(t, d).ID
	without := b.Desk(b.Ledger, b.Broker, away(t, b))
	if j, err := without.Cancel(t.Context(), owner, id); err != nil || j.Status != job.Canceled {
		t.Fatalf("%+v, %v", j, err)
	}
	if n := b.Redis.ZCard(t.Context(), "unsealed").Val(); n != 1 {
		t.Fatalf("%d unsealed", n)
	}
	read(t, d, id) // a read seals lazily
	if v, found, err := b.Store.Verdict(t.Context(), id); !found || err != nil || v.State != job.StateCanceled {
		t.Errorf("%+v, %v, %v", v, found, err)
	}
	if n := b.Redis.ZCard(t.Context(), "unsealed").Val(); n != 0 {
		t.Errorf("%d unsealed", n)
	}
}

func TestADeleteWithS3AwayIsFinishedLater(t *testing.T) {
	b, d := whole(t)
	id := submit(t, d).ID
	b.Succeed(t, d, id, "picture")
	without := b.Desk(b.Ledger, b.Broker, away(t, b))
	if err := without.Delete(t.Context(), owner, id); codeOf(err) != job.StorageUnavailable {
		t.Fatal(err)
	}
	if _, err := without.Read(t.Context(), owner, id); codeOf(err) != job.Gone {
		t.Errorf("%v", err)
	}
	due, err := b.Ledger.Due(t.Context(), "gc", b.Ledger.Now(), 10)
	if err != nil || len(due) != 1 {
		t.Errorf("the janitor is told of %v, %v", due, err)
	}
}

func TestWithS3AwayAnAbandonedJobIsRefusedAndSealedLater(t *testing.T) {
	b := testbed.New(t, redisDatabase)
	id := ""
	a := &answering{outcomes: []broker.Outcome{broker.Unknown}, meddle: func(e broker.Envelope) { id = e.ID }}
	if _, _, err := b.Desk(b.Ledger, a, away(t, b)).Submit(t.Context(), owner, mug(), ""); codeOf(err) != job.BrokerUnavailable {
		t.Fatal(err)
	}
	if err := b.Desk(b.Ledger, b.Broker, b.Store).Seal(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if v, found, err := b.Store.Verdict(t.Context(), id); !found || err != nil || v.State != job.StateAbandoned {
		t.Errorf("%+v, %v, %v", v, found, err)
	}
}

// wiped loses all data of Redis when a job was abandoned.
type wiped struct {
	orders.Ledger
	bed *testbed.Bed
}

func (w wiped) Abandon(ctx context.Context, id string) (job.State, error) {
	state, err := w.Ledger.Abandon(ctx, id)
	w.bed.Redis.FlushDB(ctx)
	return state, err
}

func TestWithS3AwayAndItsRecordLostAnAbandonedJobHasNoAnswerBecauseItMayRun(t *testing.T) {
	b := testbed.New(t, redisDatabase)
	a := &answering{outcomes: []broker.Outcome{broker.Unknown}}
	if _, _, err := b.Desk(wiped{b.Ledger, b}, a, away(t, b)).Submit(t.Context(), owner, mug(), ""); !errors.Is(err, job.ErrNoAnswer) {
		t.Fatal(err)
	}
}

// sealedOff takes no tombstones.
type sealedOff struct{ orders.Ledger }

func (sealedOff) Entomb(context.Context, string, string, string, int64) error { return job.ErrAway }

func TestADeleteWithRedisAwaySaysSo(t *testing.T) {
	b, d := whole(t)
	id := submit(t, d).ID
	if err := b.Desk(sealedOff{b.Ledger}, b.Broker, b.Store).Delete(t.Context(), owner, id); codeOf(err) != job.LedgerUnavailable {
		t.Fatal(err)
	}
}
