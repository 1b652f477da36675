package janitor_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"darkroom/gateway/internal/broker"
	"darkroom/gateway/internal/janitor"
	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/orders"
	"darkroom/gateway/internal/store"
	"darkroom/gateway/internal/testbed"

	"github.com/minio/minio-go/v7"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"
)

const redisDatabase = 6

var owner = job.Owner("key", "tester")

// house is a bed with a desk and a janitor, who passes when a test says so.
type house struct {
	*testbed.Bed
	desk    *orders.Desk
	janitor *janitor.Janitor
	metrics *prometheus.Registry
}

func open(t *testing.T) *house {
	t.Helper()
	b := testbed.New(t, redisDatabase)
	h := &house{Bed: b, desk: b.Desk(b.Ledger, b.Broker, b.Store)}
	h.hire(b.Broker, b.Store)
	return h
}

// hire puts a fresh janitor in place, who remembers nothing.
func (h *house) hire(p janitor.Broker, s *store.Store) {
	h.metrics = prometheus.NewRegistry()
	desk := h.Desk(h.Ledger, h.Broker, s)
	h.janitor = janitor.New(desk, h.Ledger, p, s, h.Decoder, []string{h.Model}, time.Second, testbed.Retention, slog.New(slog.DiscardHandler), h.metrics)
}

func (h *house) submit(t *testing.T) string {
	t.Helper()
	j, _, err := h.desk.Submit(t.Context(), owner, job.Request{Prompt: new("a mug")}, "")
	if err != nil {
		t.Fatal(err)
	}
	return j.ID
}

func (h *house) pass(t *testing.T, times int) {
	t.Helper()
	for range times {
		h.janitor.Pass(t.Context())
	}
}

func (h *house) depth(t *testing.T) int {
	t.Helper()
	depth, err := h.Broker.Depth(t.Context(), h.Model)
	if err != nil {
		t.Fatal(err)
	}
	return depth
}

func (h *house) state(t *testing.T, id string) job.State {
	t.Helper()
	r, _, err := h.Ledger.Read(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r.State
}

// age moves a time of a record, and its places in the sets, into the past.
func (h *house) age(t *testing.T, id string, by time.Duration, fields ...string) {
	t.Helper()
	past := h.Ledger.Now().Add(-by).UnixMilli()
	for _, field := range fields {
		h.Redis.HSet(t.Context(), "job:"+id, field, past)
	}
	for _, set := range []string{"outbox", "lease", "gc"} {
		h.Redis.ZAddXX(t.Context(), set, redis.Z{Score: float64(past), Member: id})
	}
}

func (h *house) purge(t *testing.T) {
	t.Helper()
	if _, err := h.AMQP.QueuePurge(h.Queue(), false); err != nil {
		t.Fatal(err)
	}
}

func (h *house) heartbeat(t *testing.T, held ...string) {
	t.Helper()
	now := h.Ledger.Now().UnixMilli()
	list := "[]"
	if len(held) > 0 {
		list = `["` + strings.Join(held, `","`) + `"]`
	}
	h.Redis.Set(t.Context(), "worker:w1", fmt.Sprintf(`{"name":"w1","models":[%q],"held":%s,"state":"busy","at":%d}`, h.Model, list, now), time.Minute)
	h.Redis.ZAdd(t.Context(), "workers", redis.Z{Score: float64(now), Member: "w1"})
}

func TestAJobWhoseGatewayDiedBeforePublishingIsPublished(t *testing.T) {
	h := open(t)
	id := h.submit(t)
	m, _ := h.Message(t)
	// As if the gateway had died between `submit` and the publish.
	h.Redis.HSet(t.Context(), "job:"+id, "state", "submitting")
	h.Redis.ZAdd(t.Context(), "outbox", redis.Z{Score: float64(m.CreatedAt), Member: id})
	h.pass(t, 1)
	if h.depth(t) != 0 {
		t.Fatal("published before its gateway could be taken for dead")
	}
	h.age(t, id, 11*time.Second)
	h.pass(t, 2)
	if got, _ := h.Message(t); got.ID != id || h.depth(t) != 0 {
		t.Errorf("%+v and %d more", got, h.depth(t))
	}
	if s := h.state(t, id); s != job.StateQueued {
		t.Errorf("state %s", s)
	}
}

func TestALostMessageIsPublishedOnceWithANewStamp(t *testing.T) {
	h := open(t)
	var ids []string
	for range 5 {
		ids = append(ids, h.submit(t))
	}
	h.purge(t)
	h.pass(t, 3)
	if h.depth(t) != 0 {
		t.Fatal("published again although it may be on its way")
	}
	for _, id := range ids {
		h.age(t, id, 16*time.Second, "published_at")
	}
	h.pass(t, 4)
	if h.depth(t) != 5 {
		t.Fatalf("%d messages for 5 lost ones", h.depth(t))
	}
	m, d := h.Message(t)
	r, _, err := h.Ledger.Read(t.Context(), m.ID)
	if err != nil || m.ID != ids[0] || d.Headers["published_at"].(int64) != r.PublishedAt || r.PublishedAt < h.Ledger.Now().Add(-10*time.Second).UnixMilli() {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestWhatAWorkerHoldsOrMayStillComeIsNotLost(t *testing.T) {
	h := open(t)
	id := h.submit(t)
	h.age(t, id, time.Minute, "published_at")
	h.pass(t, 3)
	if h.depth(t) != 1 {
		t.Errorf("published again although it is in the queue: %d", h.depth(t))
	}
	h.purge(t)
	h.heartbeat(t, id)
	h.pass(t, 3)
	if h.depth(t) != 0 {
		t.Error("published again although a worker holds it")
	}
	h.heartbeat(t)
	h.Redis.HSet(t.Context(), "job:"+id, "not_before", h.Ledger.Now().Add(time.Minute).UnixMilli())
	h.pass(t, 3)
	if h.depth(t) != 0 {
		t.Error("published again although its time has not come")
	}
	h.Redis.HSet(t.Context(), "job:"+id, "not_before", 0)
	h.pass(t, 2)
	if h.depth(t) != 1 {
		t.Error("not published again although nobody has it")
	}
}

func TestAMessageThatLaterOnesOvertookIsLostAlthoughTheQueueIsNotEmpty(t *testing.T) {
	h := open(t)
	lost := h.submit(t)
	h.purge(t)
	h.age(t, lost, 50*time.Second, "published_at")
	h.submit(t) // keeps the queue from being empty
	h.pass(t, 3)
	if h.depth(t) != 1 {
		t.Fatal("published again although nothing overtook it")
	}
	now := h.Ledger.Now().UnixMilli()
	h.Redis.HSet(t.Context(), "mark:"+h.Model, (now-20_000)/5000, now-45_000) // 20 s ago is too fresh
	h.pass(t, 3)
	if h.depth(t) != 1 {
		t.Fatal("published again although it was overtaken only just now")
	}
	h.Redis.HSet(t.Context(), "mark:"+h.Model, (now-40_000)/5000, now-45_000)
	h.pass(t, 2)
	if h.depth(t) != 2 {
		t.Fatal("not published again although it was overtaken")
	}
}

func TestADeadLeaseThatNobodyHoldsIsPublishedAgain(t *testing.T) {
	h := open(t)
	id := h.submit(t)
	h.purge(t)
	h.Script(t, "claim", id, h.Model, "w1", 1, 30_000)
	h.pass(t, 3)
	if h.depth(t) != 0 {
		t.Fatal("published again under a live lease")
	}
	h.age(t, id, 16*time.Second, "lease_until")
	h.pass(t, 2)
	if h.depth(t) != 1 {
		t.Fatal("not published again")
	}
	if answer := h.Script(t, "claim", id, h.Model, "w2", 1, 30_000); answer[0] != "RUN" || answer[2] != "2" {
		t.Errorf("the next worker was told %v", answer)
	}
}

func TestADeletedQueueIsDeclaredAndFilledAgain(t *testing.T) {
	h := open(t)
	id := h.submit(t)
	if _, err := h.AMQP.QueueDelete(h.Queue(), false, false, false); err != nil {
		t.Fatal(err)
	}
	h.age(t, id, 16*time.Second, "published_at")
	h.pass(t, 2)
	if got, _ := h.Message(t); got.ID != id {
		t.Errorf("%+v", got)
	}
}

func TestEveryJobPastItsDeadlineIsFailed(t *testing.T) {
	h := open(t)
	id := h.submit(t)
	past := h.Ledger.Now().Add(-time.Second).UnixMilli()
	h.Redis.HSet(t.Context(), "job:"+id, "deadline", past)
	h.Redis.ZAdd(t.Context(), "deadline", redis.Z{Score: float64(past), Member: id}, redis.Z{Score: float64(past), Member: "stray"})
	h.pass(t, 1)
	if s := h.state(t, id); s != job.StateFailed {
		t.Errorf("state %s", s)
	}
	if v, found, err := h.Store.Verdict(t.Context(), id); !found || err != nil || v.Error.Code != job.FailedDeadline {
		t.Errorf("%+v, %v, %v", v, found, err)
	}
	if n := h.Redis.ZCard(t.Context(), "deadline").Val(); n != 0 {
		t.Errorf("%d left in the set", n)
	}
}

func TestWhatWasEndedWhileS3WasAwayIsSealed(t *testing.T) {
	h := open(t)
	id := h.submit(t)
	nowhere, err := store.Open(store.Settings{Endpoint: "127.0.0.1:1", AccessKey: "a", SecretKey: "b", Bucket: "ccc"}, h.Decoder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Desk(h.Ledger, h.Broker, nowhere).Cancel(t.Context(), owner, id); err != nil {
		t.Fatal(err)
	}
	h.hire(h.Broker, nowhere)
	h.pass(t, 1)
	h.hire(h.Broker, h.Store)
	h.pass(t, 1)
	if v, found, err := h.Store.Verdict(t.Context(), id); !found || err != nil || v.State != job.StateCanceled {
		t.Errorf("%+v, %v, %v", v, found, err)
	}
	if n := h.Redis.ZCard(t.Context(), "unsealed").Val(); n != 0 {
		t.Errorf("%d unsealed", n)
	}
}

func (h *house) image(t *testing.T, key string) {
	t.Helper()
	if _, err := h.S3.PutObject(t.Context(), h.Bucket(), key, strings.NewReader("x"), 1, minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
}

func (h *house) succeed(t *testing.T, id string) (prefix string) {
	t.Helper()
	h.Script(t, "claim", id, h.Model, "w1", 1, 30_000)
	r, _, err := h.Ledger.Read(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	prefix = fmt.Sprintf("results/%s/%d-0a1b2c3d/", id, r.Fence)
	h.image(t, prefix+"0.png")
	v := h.desk.VerdictOf(id, r, job.StateSucceeded, nil)
	v.Timings = &job.Timings{}
	v.Images = []job.Image{{Key: prefix + "0.png", ContentType: "image/png", Width: 1, Height: 1, SizeBytes: 1, SHA256: strings.Repeat("0", 64)}}
	if _, err := h.desk.End(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	return prefix
}

func TestResultsExpireTogetherWithTheirRecordsAndAreForgottenLater(t *testing.T) {
	h := open(t)
	id := h.submit(t)
	h.succeed(t, id)
	h.pass(t, 1)
	if s := h.state(t, id); s != job.StateSucceeded {
		t.Fatalf("state %s before its time", s)
	}
	h.age(t, id, time.Second)
	h.pass(t, 1)
	if attempts, err := h.Store.Attempts(t.Context(), id); h.state(t, id) != job.StateTombstone || err != nil || len(attempts) != 0 {
		t.Errorf("%s, %v, %v", h.state(t, id), attempts, err)
	}
	page, err := h.desk.List(t.Context(), owner, "", 10)
	if err != nil || len(page.Jobs) != 1 || page.Jobs[0].Status != job.Expired {
		t.Errorf("the list shows %+v, %v", page, err)
	}
	if err := h.desk.Delete(t.Context(), owner, id); err != nil {
		t.Error(err)
	}
	if page, err := h.desk.List(t.Context(), owner, "", 10); err != nil || len(page.Jobs) != 0 {
		t.Errorf("after clearing the list shows %+v, %v", page, err)
	}
	h.pass(t, 1)
	if s := h.state(t, id); s != job.StateTombstone {
		t.Errorf("state %s while its id is not old enough", s)
	}
}

func TestAnOldTombstoneIsForgottenWithEverythingItCovers(t *testing.T) {
	h := open(t)
	old := h.Keys.Mint(h.Ledger.Now().Add(-testbed.Retention-25*time.Hour), 60, owner)
	h.image(t, "results/"+old+"/1-0a1b2c3d/0.png")
	if err := h.Ledger.Entomb(t.Context(), old, owner, "deleted", 1); err != nil {
		t.Fatal(err)
	}
	h.pass(t, 1)
	if jobs, err := h.Store.Jobs(t.Context(), "", 10); h.state(t, old) != "" || err != nil || len(jobs) != 0 {
		t.Errorf("%q, %v, %v", h.state(t, old), jobs, err)
	}
	if n := h.Redis.ZCard(t.Context(), "gc").Val(); n != 0 {
		t.Errorf("%d left in gc", n)
	}
}

func TestTheSweepRemovesOnlyWhatNoVerdictCanEverName(t *testing.T) {
	h := open(t)
	done, running := h.submit(t), h.submit(t)
	named := h.succeed(t, done)
	orphan, underWay := "results/"+done+"/1-00000000/", "results/"+running+"/1-00000000/"
	old := "results/" + h.Keys.Mint(h.Ledger.Now().Add(-testbed.Retention-25*time.Hour), 60, owner) + "/"
	h.image(t, orphan+"0.png")
	h.image(t, underWay+"0.png")
	h.image(t, old+"1-00000000/0.png")
	h.Redis.FlushDB(t.Context()) // a missing record says nothing
	h.pass(t, 1)
	for prefix, kept := range map[string]bool{named: true, orphan: false, underWay: true, old + "1-00000000/": false} {
		_, err := h.S3.StatObject(t.Context(), h.Bucket(), prefix+"0.png", minio.StatObjectOptions{})
		if (err == nil) != kept {
			t.Errorf("%s: %v", prefix, err)
		}
	}
}

func TestALossOfRedisIsCounted(t *testing.T) {
	h := open(t)
	h.pass(t, 2)
	if n, err := testutil.GatherAndCount(h.metrics, "darkroom_redis_data_losses_total"); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	h.Redis.FlushDB(t.Context())
	h.pass(t, 2)
	want := "# HELP darkroom_redis_data_losses_total Times that Redis came back without its data.\n# TYPE darkroom_redis_data_losses_total counter\ndarkroom_redis_data_losses_total 1\n"
	if err := testutil.GatherAndCompare(h.metrics, strings.NewReader(want), "darkroom_redis_data_losses_total"); err != nil {
		t.Error(err)
	}
}

func TestStraysAreDroppedFromEverySetAndMembersKept(t *testing.T) {
	h := open(t)
	id := h.submit(t)
	for _, set := range []string{"queued:" + h.Model, "lease", "deadline"} {
		h.Redis.ZAdd(t.Context(), set, redis.Z{Score: 1e15, Member: "stray"})
	}
	h.Redis.SAdd(t.Context(), "inflight:"+owner, "stray")
	h.Redis.ZAdd(t.Context(), "lease", redis.Z{Score: 1e15, Member: id}) // queued, so it does not belong there
	h.pass(t, 1)
	for set, want := range map[string]int64{"queued:" + h.Model: 1, "lease": 0, "deadline": 1} {
		if n := h.Redis.ZCard(t.Context(), set).Val(); n != want {
			t.Errorf("%s has %d members", set, n)
		}
	}
	if n := h.Redis.SCard(t.Context(), "inflight:"+owner).Val(); n != 1 {
		t.Errorf("inflight has %d members", n)
	}
}

func (h *house) letter(t *testing.T, death string) broker.Dead {
	t.Helper()
	m, d := h.Message(t)
	return broker.Dead{ID: m.ID, Body: d.Body, Version: 1, Deadline: m.Deadline, PublishedAt: m.CreatedAt, Death: death}
}

func (h *house) undertake(t *testing.T, letter broker.Dead) {
	t.Helper()
	if err := h.janitor.Undertake(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
}

func TestTheUndertakerKnowsWhatIsDead(t *testing.T) {
	t.Run("delivered too often, with attempts left: published again", func(t *testing.T) {
		h := open(t)
		id := h.submit(t)
		h.undertake(t, h.letter(t, "delivery_limit"))
		if m, _ := h.Message(t); m.ID != id || h.state(t, id) != job.StateQueued {
			t.Errorf("%+v", m)
		}
	})
	t.Run("delivered too often, no attempts left: poison", func(t *testing.T) {
		h := open(t)
		id := h.submit(t)
		h.Redis.HSet(t.Context(), "job:"+id, "attempt", job.MaxAttempts)
		h.undertake(t, h.letter(t, "delivery_limit"))
		if j, err := h.desk.Read(t.Context(), owner, id); err != nil || j.Status != job.Failed || j.Error.Code != job.FailedPoison {
			t.Errorf("%+v, %v", j, err)
		}
	})
	t.Run("a copy of a running job: nothing happens", func(t *testing.T) {
		h := open(t)
		id := h.submit(t)
		letter := h.letter(t, "delivery_limit")
		h.Script(t, "claim", id, h.Model, "w1", 1, 30_000)
		h.undertake(t, letter)
		if h.state(t, id) != job.StateRunning || h.depth(t) != 0 {
			t.Errorf("%s, %d messages", h.state(t, id), h.depth(t))
		}
	})
	t.Run("a copy of an ended job: nothing happens", func(t *testing.T) {
		h := open(t)
		id := h.submit(t)
		letter := h.letter(t, "delivery_limit")
		h.succeed(t, id)
		h.undertake(t, letter)
		if h.state(t, id) != job.StateSucceeded || h.depth(t) != 0 {
			t.Errorf("%s, %d messages", h.state(t, id), h.depth(t))
		}
	})
	t.Run("its record lost: brought back through the outbox", func(t *testing.T) {
		h := open(t)
		id := h.submit(t)
		letter := h.letter(t, "delivery_limit")
		h.Redis.FlushDB(t.Context())
		h.undertake(t, letter)
		h.age(t, id, 11*time.Second)
		h.pass(t, 1)
		if m, _ := h.Message(t); m.ID != id || h.state(t, id) != job.StateQueued {
			t.Errorf("%+v", m)
		}
	})
	t.Run("its record lost, its verdict not: settled", func(t *testing.T) {
		h := open(t)
		id := h.submit(t)
		letter := h.letter(t, "delivery_limit")
		if _, err := h.desk.Cancel(t.Context(), owner, id); err != nil {
			t.Fatal(err)
		}
		h.Redis.FlushDB(t.Context())
		h.undertake(t, letter)
		if h.state(t, id) != job.StateCanceled || h.depth(t) != 0 {
			t.Errorf("%s, %d messages", h.state(t, id), h.depth(t))
		}
	})
	t.Run("garbage, and an id older than everything: taken away", func(t *testing.T) {
		h := open(t)
		h.undertake(t, broker.Dead{ID: "x", Body: []byte("not JSON"), Reason: "garbage: not JSON"})
		h.submit(t)
		letter := h.letter(t, "delivery_limit")
		m, err := h.Decoder.Message(letter.Body)
		if err != nil {
			t.Fatal(err)
		}
		m.ID = h.Keys.Mint(h.Ledger.Now().Add(-2*testbed.Retention), 60, owner)
		if letter.Body, err = m.Encode(); err != nil {
			t.Fatal(err)
		}
		h.undertake(t, letter)
		if h.state(t, m.ID) != "" {
			t.Errorf("brought back: %s", h.state(t, m.ID))
		}
	})
	t.Run("a later version: kept for a newer worker, ended at its deadline", func(t *testing.T) {
		h := open(t)
		id := h.submit(t)
		letter := h.letter(t, "delivery_limit")
		letter.Body = []byte(strings.Replace(string(letter.Body), `"version":1`, `"version":2,"more":{}`, 1))
		h.undertake(t, letter)
		d, ok, err := h.AMQP.Get(h.Queue(), true)
		if err != nil || !ok || string(d.Body) != string(letter.Body) || d.MessageId != id {
			t.Fatalf("%v, %v, %s", ok, err, d.Body)
		}
	})
	t.Run("S3 away and the record lost: the letter is kept", func(t *testing.T) {
		h := open(t)
		h.submit(t)
		letter := h.letter(t, "delivery_limit")
		h.Redis.FlushDB(t.Context())
		nowhere, err := store.Open(store.Settings{Endpoint: "127.0.0.1:1", AccessKey: "a", SecretKey: "b", Bucket: "ccc"}, h.Decoder)
		if err != nil {
			t.Fatal(err)
		}
		h.hire(h.Broker, nowhere)
		if err := h.janitor.Undertake(t.Context(), letter); err == nil {
			t.Error("acknowledged without knowing")
		}
	})
}

func TestMetricsAreWellFormed(t *testing.T) {
	h := open(t)
	h.submit(t)
	h.pass(t, 1)
	problems, err := testutil.GatherAndLint(h.metrics)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

func TestRunPassesAndReadsDeadLettersUntilItIsStopped(t *testing.T) {
	h := open(t)
	id := h.submit(t)
	past := h.Ledger.Now().Add(-time.Second).UnixMilli()
	h.Redis.HSet(t.Context(), "job:"+id, "deadline", past)
	h.Redis.ZAdd(t.Context(), "deadline", redis.Z{Score: float64(past), Member: id})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { h.janitor.Run(ctx); close(done) }()
	for h.state(t, id) != job.StateFailed {
		if t.Context().Err() != nil {
			t.Fatal("never ended")
		}
	}
	cancel()
	<-done
}
