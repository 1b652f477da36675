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

const redisDatabase = 5

var owner = job.Owner("key", "tester")

func mug() job.Request { return job.Request{Product: new("a red mug"), Seed: new(int64(7))} }

// whole is a bed with a desk on which nothing fails.
func whole(t *testing.T) (*testbed.Bed, *orders.Desk) {
	t.Helper()
	b := testbed.New(t, redisDatabase)
	return b, b.Desk(b.Ledger, b.Broker, b.Store)
}

func codeOf(err error) job.Code {
	var refusal *job.Error
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	return ""
}

func books(t *testing.T, b *testbed.Bed) job.Ledger {
	t.Helper()
	found, err := b.Ledger.Books(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func submit(t *testing.T, d *orders.Desk) job.Job {
	t.Helper()
	j, _, err := d.Submit(t.Context(), owner, mug(), "")
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestAnAcceptedJobHasARecordAndAMessage(t *testing.T) {
	b, d := whole(t)
	j := submit(t, d)
	if j.Status != job.Queued || j.Model != b.Model || j.Effective.Prompt != "a commercial studio photo of a red mug, professional contrast lighting" || j.RetryAfter <= 0 {
		t.Errorf("%+v", j)
	}
	m, delivery := b.Message(t)
	if m.ID != j.ID || m.Owner != owner || m.Spec != *j.Effective || m.Spec.Seed != 7 || delivery.Headers["published_at"].(int64) != j.Revision {
		t.Errorf("%+v", m)
	}
	r, found, err := b.Ledger.Read(t.Context(), j.ID)
	if err != nil || !found || r.State != job.StateQueued || r.PublishedAt != j.Revision {
		t.Errorf("%+v, %v, %v", r, found, err)
	}
	again, err := d.Read(t.Context(), owner, j.ID)
	if err != nil || again.Status != job.Queued || again.Effective == nil || *again.Effective != *j.Effective || again.QueuePosition == nil || *again.QueuePosition != 1 {
		t.Errorf("%+v, %v", again, err)
	}
	if got := books(t, b); got.Accepted != 1 || got.InFlight != 1 || got.Unaccounted != 0 {
		t.Errorf("%+v", got)
	}
}

func TestFiftyRequestsWithOneKeyMakeOneJob(t *testing.T) {
	b, d := whole(t)
	type answer struct {
		id       string
		replayed bool
		err      error
	}
	answers := make(chan answer)
	for range 50 {
		go func() {
			j, replayed, err := d.Submit(context.Background(), owner, mug(), "key")
			answers <- answer{j.ID, replayed, err}
		}()
	}
	ids, created := map[string]bool{}, 0
	for range 50 {
		a := <-answers
		if a.err != nil {
			t.Fatal(a.err)
		}
		ids[a.id] = true
		if !a.replayed {
			created++
		}
	}
	if depth, err := b.Broker.Depth(t.Context(), b.Model); len(ids) != 1 || created != 1 || depth != 1 || err != nil {
		t.Fatalf("%d ids, %d created, %d messages, %v", len(ids), created, depth, err)
	}
	other := mug()
	other.N = new(2)
	if _, _, err := d.Submit(t.Context(), owner, other, "key"); codeOf(err) != job.IdempotencyConflict {
		t.Errorf("another body: %v", err)
	}
	if _, replayed, err := d.Submit(t.Context(), job.Owner("key", "another"), mug(), "key"); replayed || err != nil {
		t.Errorf("another owner: %v, %v", replayed, err)
	}
}

func TestAFullLineAndAQuotaRefuseAndWriteNothing(t *testing.T) {
	b := testbed.New(t, redisDatabase)
	b.Rules.QueueLimit, b.Rules.OwnerLimit = 3, 2
	d := b.Desk(b.Ledger, b.Broker, b.Store)
	for _, who := range []string{owner, owner, job.Owner("key", "another")} {
		if _, _, err := d.Submit(t.Context(), who, mug(), ""); err != nil {
			t.Fatal(err)
		}
	}
	before := b.Redis.DBSize(t.Context()).Val()
	var refusal *job.Error
	_, _, err := d.Submit(t.Context(), owner, mug(), "key")
	if !errors.As(err, &refusal) || refusal.Code != job.QueueFull || refusal.RetryAfter <= 0 {
		t.Errorf("full: %v", err)
	}
	b.Rules.QueueLimit = 100
	if _, _, err := b.Desk(b.Ledger, b.Broker, b.Store).Submit(t.Context(), owner, mug(), "key"); codeOf(err) != job.QuotaExceeded {
		t.Errorf("quota: %v", err)
	}
	if after := b.Redis.DBSize(t.Context()).Val(); after != before {
		t.Errorf("%d keys became %d", before, after)
	}
	if depth, _ := b.Broker.Depth(t.Context(), b.Model); depth != 3 {
		t.Errorf("%d messages", depth)
	}
}

func TestAnUnknownModelAndBadFieldsAreRefused(t *testing.T) {
	_, d := whole(t)
	for _, name := range []string{"nothing", ""} {
		request := mug()
		request.Model = &name
		if _, _, err := d.Submit(t.Context(), owner, request, ""); codeOf(err) != job.UnknownModel {
			t.Errorf("%q: %v", name, err)
		}
	}
	request := mug()
	request.Steps = new(0)
	if _, _, err := d.Submit(t.Context(), owner, request, ""); codeOf(err) != job.InvalidRequest {
		t.Error(err)
	}
}

func TestADryRunTellsWhatWouldRunAndWritesNothing(t *testing.T) {
	b, d := whole(t)
	e, err := d.DryRun(t.Context(), owner, mug())
	if err != nil || e.Effective.Seed != 7 || e.QueuePosition != 1 || e.Model != b.Model || e.ETASeconds != nil {
		t.Errorf("%+v, %v", e, err)
	}
	if n := b.Redis.DBSize(t.Context()).Val(); n != 0 {
		t.Errorf("%d keys", n)
	}
}

// answering publishes as told, and may do something at that moment.
type answering struct {
	outcomes []broker.Outcome
	real     orders.Broker
	meddle   func(broker.Envelope)
	sent     int
}

func (a *answering) Publish(ctx context.Context, e broker.Envelope) broker.Outcome {
	outcome := a.outcomes[min(a.sent, len(a.outcomes)-1)]
	a.sent++
	if a.meddle != nil {
		a.meddle(e)
	}
	if outcome == broker.Acked {
		return a.real.Publish(ctx, e)
	}
	return outcome
}

func TestWhatTheBrokerAnswersDecidesTheAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		outcomes []broker.Outcome
		want     job.Code
		sent     int
	}{
		"unknown once":        {[]broker.Outcome{broker.Unknown, broker.Acked}, "", 2},
		"unknown twice":       {[]broker.Outcome{broker.Unknown}, job.BrokerUnavailable, 2},
		"refused":             {[]broker.Outcome{broker.Nacked}, job.QueueFull, 1},
		"unknown, refused":    {[]broker.Outcome{broker.Unknown, broker.Nacked}, job.BrokerUnavailable, 2},
		"no route":            {[]broker.Outcome{broker.Returned}, job.BrokerUnavailable, 1},
		"unknown, no route":   {[]broker.Outcome{broker.Unknown, broker.Returned}, job.BrokerUnavailable, 2},
		"confirmed at once":   {[]broker.Outcome{broker.Acked}, "", 1},
		"unknown, then fine?": {[]broker.Outcome{broker.Unknown, broker.Unknown, broker.Acked}, job.BrokerUnavailable, 2},
	} {
		t.Run(name, func(t *testing.T) {
			b := testbed.New(t, redisDatabase)
			a := &answering{outcomes: c.outcomes, real: b.Broker}
			var id string
			a.meddle = func(e broker.Envelope) { id = e.ID }
			_, _, err := b.Desk(b.Ledger, a, b.Store).Submit(t.Context(), owner, mug(), "key")
			if codeOf(err) != c.want || (err != nil) != (c.want != "") || a.sent != c.sent {
				t.Fatalf("%v after %d publishes", err, a.sent)
			}
			v, found, storeErr := b.Store.Verdict(t.Context(), id)
			if storeErr != nil || found != (c.want != "") || found && v.State != job.StateAbandoned {
				t.Fatalf("verdict %+v, %v, %v", v, found, storeErr)
			}
			whole := b.Desk(b.Ledger, b.Broker, b.Store)
			if _, err := whole.Read(t.Context(), owner, id); (codeOf(err) == job.NotFound) != (c.want != "") {
				t.Fatalf("read: %v", err)
			}
			// The key is free again after a refusal, and not before.
			again, replayed, err := whole.Submit(t.Context(), owner, mug(), "key")
			if err != nil || replayed != (c.want == "") || (again.ID == id) != (c.want == "") {
				t.Fatalf("%v, %v", replayed, err)
			}
			if got := books(t, b); got.Accepted != 1 || got.Unaccounted != 0 {
				t.Fatalf("%+v", got)
			}
		})
	}
}

func TestAWorkerThatWasFasterThanALostConfirmMakesItAccepted(t *testing.T) {
	b := testbed.New(t, redisDatabase)
	a := &answering{outcomes: []broker.Outcome{broker.Unknown}, meddle: func(e broker.Envelope) {
		b.Script(t, "claim", e.ID, e.Model, "worker", e.PublishedAt, 30_000)
	}}
	j, _, err := b.Desk(b.Ledger, a, b.Store).Submit(t.Context(), owner, mug(), "")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.Desk(b.Ledger, b.Broker, b.Store).Read(t.Context(), owner, j.ID); err != nil || got.Status != job.Running {
		t.Fatalf("%+v, %v", got, err)
	}
	if got := books(t, b); got.Accepted != 1 || got.InFlight != 1 || got.Unaccounted != 0 {
		t.Fatalf("%+v", got)
	}
}

func TestAnEndThatRedisForgotIsFoundBeforeAbandoning(t *testing.T) {
	b := testbed.New(t, redisDatabase)
	a := &answering{outcomes: []broker.Outcome{broker.Unknown}}
	desk := b.Desk(b.Ledger, a, b.Store)
	a.meddle = func(e broker.Envelope) {
		m, err := b.Decoder.Message(e.Body)
		if err != nil {
			t.Error(err)
		}
		r, _, err := b.Ledger.Read(t.Context(), m.ID)
		if err != nil {
			t.Error(err)
		}
		if _, err := b.Store.PutVerdict(t.Context(), desk.VerdictOf(m.ID, r, job.StateCanceled, nil)); err != nil {
			t.Error(err)
		}
	}
	j, _, err := desk.Submit(t.Context(), owner, mug(), "")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := desk.Read(t.Context(), owner, j.ID); err != nil || got.Status != job.Canceled {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestAFlushBetweenPublishAndConfirmIsStillAccepted(t *testing.T) {
	b := testbed.New(t, redisDatabase)
	a := &answering{outcomes: []broker.Outcome{broker.Acked}, real: b.Broker, meddle: func(broker.Envelope) { b.Redis.FlushDB(t.Context()) }}
	d := b.Desk(b.Ledger, a, b.Store)
	j := submit(t, d)
	if got := books(t, b); got.Accepted != 1 || got.InFlight != 1 || got.Unaccounted != 0 {
		t.Errorf("%+v", got)
	}
	found, err := d.Read(t.Context(), owner, j.ID)
	if err != nil || found.Status != job.Running || *found.Stage != "recovering" {
		t.Errorf("%+v, %v", found, err)
	}
	m, _ := b.Message(t)
	if _, err := b.Ledger.Restore(t.Context(), m, false); err != nil {
		t.Fatal(err)
	}
	if found, err := d.Read(t.Context(), owner, j.ID); err != nil || found.Status != job.Queued {
		t.Errorf("%+v, %v", found, err)
	}
	if got := books(t, b); got.Accepted != 1 || got.InFlight != 1 || got.Unaccounted != 0 {
		t.Errorf("%+v", got)
	}
}

func TestAFlushBeforeAbandoningLeavesNoAnswer(t *testing.T) {
	b := testbed.New(t, redisDatabase)
	a := &answering{outcomes: []broker.Outcome{broker.Nacked}, meddle: func(broker.Envelope) { b.Redis.FlushDB(t.Context()) }}
	if _, _, err := b.Desk(b.Ledger, a, b.Store).Submit(t.Context(), owner, mug(), ""); !errors.Is(err, job.ErrNoAnswer) {
		t.Fatal(err)
	}
}

// forgetful loses the reply of the first calls, after they ran.
type forgetful struct {
	orders.Ledger
	submits, publishes int
}

var errLost = errors.New("connection reset")

func (f *forgetful) Submit(ctx context.Context, s ledger.Submission) (ledger.Submitted, error) {
	answer, err := f.Ledger.Submit(ctx, s)
	if f.submits--; f.submits >= 0 {
		return ledger.Submitted{}, errLost
	}
	return answer, err
}

func (f *forgetful) Published(ctx context.Context, id string, tell bool) (job.State, error) {
	state, err := f.Ledger.Published(ctx, id, tell)
	if f.publishes--; f.publishes >= 0 {
		return "", errLost
	}
	return state, err
}

func TestALostReplyIsAskedForAgainAndNeverMakesASecondJob(t *testing.T) {
	b := testbed.New(t, redisDatabase)
	d := b.Desk(&forgetful{Ledger: b.Ledger, submits: 1, publishes: 3}, b.Broker, b.Store)
	submit(t, d)
	if got, depth := books(t, b), b.Redis.ZCard(t.Context(), "queued:"+b.Model).Val(); got.Accepted != 1 || depth != 1 {
		t.Fatalf("%+v, %d waiting", got, depth)
	}
	d = b.Desk(&forgetful{Ledger: b.Ledger, submits: 2}, b.Broker, b.Store)
	if _, _, err := d.Submit(t.Context(), owner, mug(), ""); !errors.Is(err, job.ErrNoAnswer) {
		t.Fatalf("with both replies lost: %v", err)
	}
}

func TestWithoutRedisASubmitIsRefusedAndAReadIsToldToComeBack(t *testing.T) {
	b := testbed.New(t, redisDatabase)
	nowhere, err := ledger.Open("redis://127.0.0.1:1/0", nil, testbed.Retention)
	if err != nil {
		t.Fatal(err)
	}
	d := b.Desk(nowhere, b.Broker, b.Store)
	if _, _, err := d.Submit(t.Context(), owner, mug(), ""); codeOf(err) != job.LedgerUnavailable {
		t.Errorf("submit: %v", err)
	}
	id := b.Keys.Mint(b.Ledger.Now(), 900, owner)
	if _, err := d.Read(t.Context(), owner, id); codeOf(err) != job.LedgerUnavailable {
		t.Errorf("read: %v", err)
	}
}
