package janitor_test

import (
	"strings"
	"testing"
	"time"

	"darkroom/gateway/internal/broker"
	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/store"
	"darkroom/gateway/internal/testbed"
)

func (h *house) letter(t *testing.T, death string) broker.Dead {
	t.Helper()
	m, d := h.Message(t)
	return broker.Dead{ID: m.ID, Body: d.Body, PublishedAt: m.CreatedAt, Death: death, Traceparent: parent}
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
		if m, d := h.Message(t); m.ID != id || h.state(t, id) != job.StateQueued || d.Headers["traceparent"] != parent {
			t.Errorf("%+v with %v", m, d.Headers)
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
		if m, d := h.Message(t); m.ID != id || h.state(t, id) != job.StateQueued || d.Headers["traceparent"] != parent {
			t.Errorf("%+v with %v", m, d.Headers)
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
	t.Run("S3 away and a verdict in it: the letter is kept", func(t *testing.T) {
		h := open(t)
		id := h.submit(t)
		letter := h.letter(t, "delivery_limit")
		h.Redis.HSet(t.Context(), "job:"+id, "attempt", job.MaxAttempts)
		nowhere, err := store.Open(store.Settings{Endpoint: "127.0.0.1:1", AccessKey: "a", SecretKey: "b", Bucket: "ccc"}, h.Decoder)
		if err != nil {
			t.Fatal(err)
		}
		h.hire(h.Broker, nowhere)
		if err := h.janitor.Undertake(t.Context(), letter); err == nil || h.state(t, id) != job.StateQueued {
			t.Errorf("%v, state %s", err, h.state(t, id))
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
