package broker

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	amqp "github.com/rabbitmq/amqp091-go"
)

// connect gives a broker of its own model to each test, so that they can share one RabbitMQ.
func connect(t *testing.T, model string) (*Broker, *amqp.Channel) {
	t.Helper()
	url := os.Getenv("RABBITMQ_URL")
	if url == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("RABBITMQ_URL is not set")
		}
		t.Skip("RABBITMQ_URL is not set")
	}
	topology, err := ReadTopology([]string{model})
	if err != nil {
		t.Fatal(err)
	}
	topology.DeadQueue.Name += "." + model // every test hears of all dead letters, and takes them from nobody
	b := New(url, nil, topology, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { b.Run(ctx); close(done) }()
	conn, err := amqp.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	soon, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	if err := b.Ready(soon); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = ch.QueueDelete(topology.workQueue(model), false, false, false)
		_, _ = ch.QueueDelete(topology.DeadQueue.Name, false, false, false)
		cancel()
		<-done
		_ = conn.Close()
	})
	return b, ch
}

func letter(model string) Envelope {
	return Envelope{ID: "06h00e010015g001081g81860s40i7ko2sfi5e9r26", Model: model, Version: 1, Deadline: 1795300600000, PublishedAt: 1795300000000, Body: []byte(`{"a":1}`)}
}

func TestAConfirmedMessageIsInTheQueueWithItsProperties(t *testing.T) {
	b, ch := connect(t, "test-confirm")
	if got := b.Publish(t.Context(), letter("test-confirm")); got != Acked {
		t.Fatalf("got %v", got)
	}
	if depth, err := b.Depth(t.Context(), "test-confirm"); err != nil || depth != 1 {
		t.Fatalf("depth %d, %v", depth, err)
	}
	d, ok, err := ch.Get("darkroom.jobs.test-confirm", true)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if d.DeliveryMode != amqp.Persistent || d.MessageId != letter("").ID || d.Type != "darkroom.job" || d.ContentType != "application/json" ||
		d.Headers["version"] != int64(1) || d.Headers["deadline"] != int64(1795300600000) || d.Headers["published_at"] != int64(1795300000000) {
		t.Fatalf("%+v", d)
	}
}

func TestAMissingRouteIsDeclaredAgainAndTheMessageSentOnceMore(t *testing.T) {
	b, ch := connect(t, "test-route")
	if _, err := ch.QueueDelete("darkroom.jobs.test-route", false, false, false); err != nil {
		t.Fatal(err)
	}
	if got := b.Publish(t.Context(), letter("test-route")); got != Acked {
		t.Fatalf("got %v", got)
	}
	if got := b.Publish(t.Context(), letter("no-such-model")); got != Returned {
		t.Fatalf("a model without a queue: got %v", got)
	}
}

func TestAMissingExchangeIsUnknownAndThereForTheNextTry(t *testing.T) {
	b, ch := connect(t, "test-exchange")
	b.topology.WorkQueue.Exchange = "darkroom.test.jobs"
	b.topology.Exchanges = append(b.topology.Exchanges, exchange{"darkroom.test.jobs", "direct"})
	t.Cleanup(func() { _ = ch.ExchangeDelete("darkroom.test.jobs", false, false) })
	if got := b.Publish(t.Context(), letter("test-exchange")); got != Unknown {
		t.Fatalf("without its exchange: got %v", got)
	}
	if got := b.Publish(t.Context(), letter("test-exchange")); got != Acked {
		t.Fatalf("the next try: got %v", got)
	}
}

func TestAFullQueueRefuses(t *testing.T) {
	b, ch := connect(t, "test-full")
	if _, err := ch.QueueDelete("darkroom.jobs.test-full", false, false, false); err != nil {
		t.Fatal(err)
	}
	arguments := table(b.topology.WorkQueue.Arguments, 0)
	arguments["x-max-length"] = int64(1)
	if _, err := ch.QueueDeclare("darkroom.jobs.test-full", true, false, false, false, arguments); err != nil {
		t.Fatal(err)
	}
	if err := ch.QueueBind("darkroom.jobs.test-full", "test-full", "darkroom.jobs", false, nil); err != nil {
		t.Fatal(err)
	}
	for range 20 { // the limit is soft
		if got := b.Publish(t.Context(), letter("test-full")); got == Nacked {
			return
		} else if got != Acked {
			t.Fatalf("got %v", got)
		}
	}
	t.Fatal("twenty messages were taken by a queue of one")
}

func TestAClosedConnectionIsUnknownAndSoonReplaced(t *testing.T) {
	b, _ := connect(t, "test-close")
	conn, err := b.publishing.wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lost := b.currentLanes()
	for range laneCount { // hold every channel, so that the publish waits on this connection
		<-lost.free
	}
	outcome := make(chan Outcome)
	go func() { outcome <- b.Publish(t.Context(), letter("test-close")) }()
	_ = conn.Close()
	if got := <-outcome; got != Unknown && got != Acked { // the renewal may be faster than the publish
		t.Fatalf("got %v", got)
	}
	for b.Publish(t.Context(), letter("test-close")) != Acked {
		if t.Context().Err() != nil {
			t.Fatal("never connected again")
		}
	}
}

func TestManyPublishersAtOnceAreAllConfirmed(t *testing.T) {
	b, _ := connect(t, "test-many")
	outcomes := make(chan Outcome)
	for range 200 {
		go func() { outcomes <- b.Publish(t.Context(), letter("test-many")) }()
	}
	for range 200 {
		if got := <-outcomes; got != Acked {
			t.Fatalf("got %v", got)
		}
	}
	if depth, err := b.Depth(t.Context(), "test-many"); err != nil || depth != 200 {
		t.Fatalf("depth %d, %v", depth, err)
	}
}

func TestADeletedQueueIsEmptyAndDeclaredAgain(t *testing.T) {
	b, ch := connect(t, "test-depth")
	if _, err := ch.QueueDelete("darkroom.jobs.test-depth", false, false, false); err != nil {
		t.Fatal(err)
	}
	if depth, err := b.Depth(t.Context(), "test-depth"); err != nil || depth != 0 {
		t.Fatalf("depth %d, %v", depth, err)
	}
	if _, err := ch.QueueDeclarePassive("darkroom.jobs.test-depth", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
}

func TestADeadLetterIsHandedOverUntilItIsBuried(t *testing.T) {
	b, ch := connect(t, "test-dead")
	ctx, cancel := context.WithCancel(t.Context())
	letters := make(chan Dead)
	tries := 0
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.ConsumeDead(ctx, func(_ context.Context, d Dead) error {
			if d.ID != "dead-test" {
				return nil
			}
			if tries++; tries == 1 {
				return errors.New("S3 is away")
			}
			letters <- d
			return nil
		})
	}()
	err := ch.PublishWithContext(ctx, "darkroom.dead", "", false, false, amqp.Publishing{MessageId: "dead-test", Headers: amqp.Table{"reason": "garbage: not JSON", "published_at": int32(7), "traceparent": "00-1a-2b-01"}, Body: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	if d := <-letters; d.Reason != "garbage: not JSON" || d.PublishedAt != 7 || d.Traceparent != "00-1a-2b-01" || string(d.Body) != "x" {
		t.Fatalf("%+v", d)
	}
	cancel()
	<-done
}

func TestADelayedMessageThatIsDeliveredTooOftenDiesOfThat(t *testing.T) {
	b, ch := connect(t, "test-death")
	ctx, cancel := context.WithCancel(t.Context())
	letters := make(chan Dead)
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.ConsumeDead(ctx, func(_ context.Context, d Dead) error {
			if d.ID == "delayed-test" {
				letters <- d
			}
			return nil
		})
	}()
	if err := ch.PublishWithContext(ctx, "darkroom.delay.5s", "test-death", false, false, amqp.Publishing{MessageId: "delayed-test", DeliveryMode: amqp.Persistent}); err != nil {
		t.Fatal(err)
	}
	deliveries, err := ch.Consume("darkroom.jobs.test-death", "", false, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	for {
		select {
		case d := <-deliveries:
			_ = d.Nack(false, true)
			continue
		case d := <-letters:
			if d.Death != "delivery_limit" {
				t.Errorf("died of %q", d.Death)
			}
		}
		break
	}
	cancel()
	<-done
}
