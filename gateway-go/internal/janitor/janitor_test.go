package janitor_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"darkroom/gateway/internal/janitor"
	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/orders"
	"darkroom/gateway/internal/store"
	"darkroom/gateway/internal/testbed"

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
	desk := h.Desk(h.Ledger, p, s)
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

func TestADamagedRecordCountsAsLostAndHoldsUpNobody(t *testing.T) {
	h := open(t)
	damaged, late := h.submit(t), h.submit(t)
	past := h.Ledger.Now().Add(-time.Second).UnixMilli()
	h.Redis.HSet(t.Context(), "job:"+damaged, "attempt", "three", "told", "1")
	h.Redis.HSet(t.Context(), "job:"+late, "deadline", past)
	for _, id := range []string{damaged, late} {
		h.Redis.ZAdd(t.Context(), "deadline", redis.Z{Score: float64(past), Member: id})
	}
	h.pass(t, 1)
	if s := h.state(t, late); s != job.StateFailed {
		t.Errorf("the job behind it: state %s", s)
	}
	if j, err := h.desk.Read(t.Context(), owner, damaged); err != nil || j.Status != job.Running || j.Stage == nil || *j.Stage != "recovering" {
		t.Errorf("%+v, %v", j, err)
	}
	books, err := h.Ledger.Books(t.Context())
	if err != nil || books.Unaccounted != 0 {
		t.Errorf("%+v, %v", books, err)
	}
}

func TestARecordOfALaterVersionIsLeftToANewerGateway(t *testing.T) {
	h := open(t)
	id := h.submit(t)
	h.Redis.HSet(t.Context(), "job:"+id, "version", "2", "attempt", "of another shape")
	h.pass(t, 1)
	if n := h.Redis.Exists(t.Context(), "job:"+id).Val(); n != 1 {
		t.Error("it was removed")
	}
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
