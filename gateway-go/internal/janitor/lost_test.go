package janitor_test

import (
	"context"
	"testing"
	"time"

	"darkroom/gateway/internal/broker"
	"darkroom/gateway/internal/janitor"
	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/tracing"
)

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

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" // a span that a job came from

func TestAMessageThatIsPublishedAgainGoesOnWithTheTraceOfItsJob(t *testing.T) {
	h := open(t)
	j, _, err := h.desk.Submit(tracing.Continue(t.Context(), parent), owner, job.Request{Prompt: new("a mug")}, "")
	if err != nil {
		t.Fatal(err)
	}
	untraced := h.submit(t)
	h.purge(t)
	for _, id := range []string{j.ID, untraced} {
		h.age(t, id, 16*time.Second, "published_at")
	}
	h.pass(t, 2)
	if m, d := h.Message(t); m.ID != j.ID || d.Headers["traceparent"] != parent {
		t.Errorf("%s with %v", m.ID, d.Headers)
	}
	if m, d := h.Message(t); m.ID != untraced || d.Headers["traceparent"] != nil {
		t.Errorf("%s with %v", m.ID, d.Headers)
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
	h.pass(t, 1)
	if h.depth(t) != 0 {
		t.Fatal("published again at first sight: it may be on its way to a worker")
	}
	h.pass(t, 1)
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

// deaf loses the next messages, and confirms none of them.
type deaf struct {
	janitor.Broker
	loses int
}

func (d *deaf) Publish(ctx context.Context, e broker.Envelope) broker.Outcome {
	if d.loses > 0 {
		d.loses--
		return broker.Unknown
	}
	return d.Broker.Publish(ctx, e)
}

// unsent answers a job whose message was lost, found lost, and lost again at so many publishes.
func unsent(t *testing.T, loses int) (h *house, id string) {
	t.Helper()
	h = open(t)
	h.hire(&deaf{h.Broker, loses}, h.Store)
	id = h.submit(t)
	h.purge(t)
	h.age(t, id, 16*time.Second, "published_at")
	h.pass(t, 2)
	return h, id
}

func TestALostMessageWhosePublishIsNotConfirmedIsPublishedInTheNextPass(t *testing.T) {
	h, id := unsent(t, 2)
	h.submit(t) // from here on the queue is not empty, and nothing overtakes what is missing
	h.pass(t, 1)
	if h.depth(t) != 1 {
		t.Fatal("nothing was lost, so nothing is shown")
	}
	h.pass(t, 3)
	if h.depth(t) != 2 {
		t.Fatalf("%d messages for two jobs", h.depth(t))
	}
	h.Message(t)
	if m, _ := h.Message(t); m.ID != id {
		t.Errorf("published again is %s", m.ID)
	}
}

func TestALostMessageIsNotRepeatedOnceItsJobHasMovedOn(t *testing.T) {
	for name, moves := range map[string]func(t *testing.T, h *house, id string){
		"ended":               func(t *testing.T, h *house, id string) { h.succeed(t, id) },
		"with a worker":       func(t *testing.T, h *house, id string) { h.Script(t, "claim", id, h.Model, "w1", 1, 30_000) },
		"published by others": func(t *testing.T, h *house, id string) { h.age(t, id, time.Second, "published_at") },
	} {
		t.Run(name, func(t *testing.T) {
			h, id := unsent(t, 1)
			moves(t, h, id)
			h.heartbeat(t, id)
			h.pass(t, 2)
			if depth := h.depth(t); depth != 0 {
				t.Errorf("%d messages", depth)
			}
		})
	}
}

// silent never says how many messages wait.
type silent struct{ janitor.Broker }

func (silent) Depth(ctx context.Context, _ string) (int, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

func TestABrokerThatHangsHoldsUpNoOtherStep(t *testing.T) {
	h := open(t)
	waiting, ended := h.submit(t), h.submit(t)
	h.age(t, waiting, 16*time.Second, "published_at")
	h.succeed(t, ended)
	h.age(t, ended, time.Second)
	h.hire(silent{h.Broker}, h.Store)
	h.pass(t, 1)
	if s := h.state(t, ended); s != job.StateTombstone {
		t.Errorf("what has expired is %s", s)
	}
}
