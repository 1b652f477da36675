// Package testbed gives a test the real RabbitMQ, Redis and S3, each with a corner of its own. Without them a test is skipped on a laptop and fails in CI.
package testbed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"darkroom/contract"
	"darkroom/gateway/internal/broker"
	"darkroom/gateway/internal/catalog"
	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/ledger"
	"darkroom/gateway/internal/orders"
	"darkroom/gateway/internal/store"
	"darkroom/gateway/internal/treaty"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/prometheus/client_golang/prometheus"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"
)

// Retention of the bed's jobs.
const Retention = time.Hour

// Bed is everything that a desk stands on, and raw clients to look and meddle behind its back.
type Bed struct {
	Model   string // a model, and so a queue, of this bed alone
	Upscale string // another, that begins with a picture and makes it four times as wide and high
	Keys    job.Keys
	Catalog catalog.Catalog
	Decoder *treaty.Decoder
	Ledger  *ledger.Ledger
	Broker  *broker.Broker
	Store   *store.Store
	Redis   *redis.Client
	AMQP    *amqp.Channel
	S3      *minio.Client
	Rules   orders.Rules
}

// New makes a bed. Database is a Redis database that no other package uses, 1 to 15; it is emptied.
func New(t *testing.T, database int) *Bed {
	t.Helper()
	b := &Bed{Model: fmt.Sprintf("test-%d", database), Upscale: fmt.Sprintf("test-x4-%d", database), Rules: orders.Rules{QueueLimit: 100, OwnerLimit: 0, Retention: Retention}}
	b.Keys = must(job.ParseKeys(strings.Repeat("a1", 32)))(t)
	b.Decoder = must(treaty.NewDecoder())(t)
	b.Catalog = must(catalog.Load(b.modelsFile(t), false))(t)
	b.openRedis(t, database)
	b.openStore(t)
	b.openBroker(t)
	return b
}

// Desk builds a desk on the bed; change its parts first to make them fail.
func (b *Bed) Desk(l orders.Ledger, p orders.Broker, s orders.Store) *orders.Desk {
	return orders.New(b.Keys, b.Catalog, l, p, s, b.Rules, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
}

func (b *Bed) modelsFile(t *testing.T) string {
	t.Helper()
	text := string(must(os.ReadFile("../../../deploy/models.yaml"))(t))
	path := filepath.Join(t.TempDir(), "models.yaml")
	text = strings.Replace(text, "id: pocket-studio", "id: "+b.Model, 1)
	before, upscaler, _ := strings.Cut(text, "id: sd-x4-upscaler")
	text = before + "id: " + b.Upscale + strings.Replace(upscaler, "enabled: false", "enabled: true", 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (b *Bed) openRedis(t *testing.T, database int) {
	t.Helper()
	address := must(url.Parse(setting(t, "REDIS_URL")))(t)
	address.Path = fmt.Sprintf("/%d", database)
	b.Redis = redis.NewClient(must(redis.ParseURL(address.String()))(t))
	if err := b.Redis.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	b.Ledger = must(ledger.Open(address.String(), nil, Retention))(t)
	if err := b.Ledger.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = b.Redis.Close(), b.Ledger.Close() })
}

func (b *Bed) openStore(t *testing.T) {
	t.Helper()
	b.Store = must(store.Open(store.Settings{
		Endpoint: setting(t, "S3_ENDPOINT"), AccessKey: os.Getenv("S3_ACCESS_KEY"), SecretKey: os.Getenv("S3_SECRET_KEY"), Bucket: b.Bucket(),
	}, b.Decoder))(t)
	if err := b.Store.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.S3 = must(minio.New(setting(t, "S3_ENDPOINT"), &minio.Options{Creds: credentials.NewStaticV4(os.Getenv("S3_ACCESS_KEY"), os.Getenv("S3_SECRET_KEY"), "")}))(t)
	ids := must(b.Store.Jobs(t.Context(), "", 100_000))(t)
	for _, id := range ids {
		if err := b.Store.RemoveJob(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
}

func (b *Bed) openBroker(t *testing.T) {
	t.Helper()
	address := setting(t, "RABBITMQ_URL")
	topology := must(broker.ReadTopology([]string{b.Model, b.Upscale}))(t)
	topology.DeadQueue.Name += "." + b.Model // every test hears of all dead letters, and takes them from nobody
	b.Broker = broker.New(address, nil, topology, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { b.Broker.Run(ctx); close(done) }()
	conn := must(amqp.Dial(address))(t)
	b.AMQP = must(conn.Channel())(t)
	soon, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	if err := b.Broker.Ready(soon); err != nil {
		t.Fatal(err)
	}
	must(b.AMQP.QueuePurge(b.Queue(), false))(t)
	must(b.AMQP.QueuePurge(queueOf(b.Upscale), false))(t)
	t.Cleanup(func() {
		_, _ = b.AMQP.QueueDelete(b.Queue(), false, false, false)
		_, _ = b.AMQP.QueueDelete(queueOf(b.Upscale), false, false, false)
		_, _ = b.AMQP.QueueDelete(topology.DeadQueue.Name, false, false, false)
		cancel()
		<-done
		_ = conn.Close()
	})
}

// Queue is the name of the bed's work queue.
func (b *Bed) Queue() string { return queueOf(b.Model) }

func queueOf(model string) string { return "darkroom.jobs." + model }

// Bucket is of the bed alone.
func (b *Bed) Bucket() string { return "darkroom-" + b.Model }

// Message takes the next message out of the work queue; the test fails when there is none.
func (b *Bed) Message(t *testing.T) (job.Message, amqp.Delivery) {
	t.Helper()
	return b.MessageOf(t, b.Model)
}

// MessageOf takes the next message of a model.
func (b *Bed) MessageOf(t *testing.T, model string) (job.Message, amqp.Delivery) {
	t.Helper()
	d, ok, err := b.AMQP.Get(queueOf(model), true)
	if err != nil || !ok {
		t.Fatalf("no message in the queue (%v)", err)
	}
	return must(b.Decoder.Message(d.Body))(t), d
}

// Script runs one of the worker's scripts.
func (b *Bed) Script(t *testing.T, name string, arguments ...any) []string {
	t.Helper()
	prelude := must(contract.Files.ReadFile("lua/prelude.lua"))(t)
	text := must(contract.Files.ReadFile("lua/" + name + ".lua"))(t)
	return must(redis.NewScript(string(prelude)+"\n"+string(text)).Run(t.Context(), b.Redis, nil, arguments...).StringSlice())(t)
}

// Succeed does a worker's part: claim, store, verdict, settle.
func (b *Bed) Succeed(t *testing.T, d *orders.Desk, id string, pictures ...string) {
	t.Helper()
	b.Script(t, "claim", id, b.Model, "worker-1", b.Ledger.Now().UnixMilli(), 30_000)
	r, _, err := b.Ledger.Read(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	v := d.VerdictOf(id, r, job.StateSucceeded, nil)
	for i, picture := range pictures {
		sum := sha256.Sum256([]byte(picture))
		image := job.Image{
			Index: i, Key: fmt.Sprintf("results/%s/%d-0a1b2c3d/%d.png", id, r.Fence, i), ContentType: "image/png", Width: 128, Height: 128,
			SizeBytes: int64(len(picture)), SHA256: hex.EncodeToString(sum[:]), Seed: 7 + int64(i),
		}
		b.Put(t, image.Key, picture)
		v.Images = append(v.Images, image)
	}
	v.Timings = &job.Timings{WorkMS: new(int64(1500)), DenoiseMS: new(int64(900))}
	if _, err := d.End(t.Context(), v); err != nil {
		t.Fatal(err)
	}
}

// Put stores an object, whatever was there.
func (b *Bed) Put(t *testing.T, key, text string) {
	t.Helper()
	if _, err := b.S3.PutObject(t.Context(), b.Bucket(), key, strings.NewReader(text), int64(len(text)), minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
}

func setting(t *testing.T, key string) string {
	t.Helper()
	value := os.Getenv(key)
	if value == "" && os.Getenv("CI") == "true" {
		t.Fatalf("%s is not set", key)
	}
	if value == "" {
		t.Skipf("%s is not set", key)
	}
	return value
}

func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}
