package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"time"

	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/orders"
)

// oneJobDesk holds one job to be asked for. It proves what the edge does with answers, and nothing about the orders room.
type oneJobDesk struct {
	job     job.Job
	err     error         // what every question answers instead
	onRead  func()        // runs in every read
	waiting chan struct{} // gets a value when somebody waits
	picture []byte        // image 0
	cut     bool          // the picture breaks off in the middle
}

const someID = "0ekqp3q1c4000000000000000000000000000000g0"

func newDesk() *oneJobDesk {
	created := time.Date(2026, 11, 20, 22, 0, 0, 0, time.UTC)
	stage, position := "waiting", 3
	return &oneJobDesk{
		picture: bytes.Repeat([]byte("light "), 20_000),
		waiting: make(chan struct{}, 1),
		job: job.Job{
			ID: someID, Kind: "simulated", Status: job.Queued, Stage: &stage, Model: "simulated", CreatedAt: created, Deadline: created.Add(time.Hour),
			MaxAttempts: 3, QueuePosition: &position, Input: map[string]any{"prompt": "a mug"},
			Effective: &job.Spec{Prompt: "a mug", Width: 64, Height: 64, Steps: 4, GuidanceScale: 4, Scheduler: "ddim", N: 1, Format: "png"},
			Revision:  7, RetryAfter: 0.5, URLs: job.URLs{Self: "/v1/jobs/" + someID, Cancel: "/v1/jobs/" + someID + "/cancel"},
		},
	}
}

func (d *oneJobDesk) Submit(context.Context, string, job.Request, string) (job.Job, bool, error) {
	return d.job, false, d.err
}

func (d *oneJobDesk) DryRun(context.Context, string, job.Request) (job.Estimate, error) {
	return job.Estimate{Model: "simulated", Kind: "simulated", Effective: *d.job.Effective, QueuePosition: 1}, d.err
}

func (d *oneJobDesk) Read(context.Context, string, string) (job.Job, error) {
	if d.onRead != nil {
		d.onRead()
	}
	return d.job, d.err
}

func (d *oneJobDesk) Wait(ctx context.Context, _, _ string, limit time.Duration) (job.Job, error) {
	d.waiting <- struct{}{}
	select {
	case <-ctx.Done():
		return job.Job{}, ctx.Err()
	case <-time.After(limit):
		return d.job, nil
	}
}

func (d *oneJobDesk) Cancel(context.Context, string, string) (job.Job, error) { return d.job, d.err }

func (d *oneJobDesk) Delete(context.Context, string, string) error { return d.err }

func (d *oneJobDesk) List(context.Context, string, string, int) (job.Page, error) {
	return job.Page{Jobs: []job.Job{d.job}, Total: 1}, d.err
}

func (d *oneJobDesk) Image(context.Context, string, string, int) (orders.Image, error) {
	sum := sha256.Sum256(d.picture)
	var source io.ReadSeeker = bytes.NewReader(d.picture)
	if d.cut {
		source = &breakingReader{source, len(d.picture) / 2}
	}
	return orders.Image{
		ReadSeekCloser: nopCloser{source}, ContentType: "image/png", SizeBytes: int64(len(d.picture)), SHA256: hex.EncodeToString(sum[:]), Filename: "a mug.png",
	}, d.err
}

func (d *oneJobDesk) Preview(context.Context, string, string) ([]byte, int64, error) {
	return []byte("small"), 5, d.err
}

func (d *oneJobDesk) Models(context.Context) ([]job.Model, error) { return nil, d.err }

func (d *oneJobDesk) Offered() []job.Model { return nil }

func (d *oneJobDesk) Limits() job.Limits {
	return job.Limits{PromptCharacters: 10_000, DeadlineSeconds: job.Range[int]{Min: 1, Max: 65_535}}
}

func (d *oneJobDesk) Now() time.Time { return time.Now() }

func (d *oneJobDesk) Workers(context.Context) ([]job.Worker, error) { return nil, nil }

func (d *oneJobDesk) Status(context.Context) (job.ServiceStatus, error) {
	return job.ServiceStatus{}, d.err
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

type breakingReader struct {
	io.ReadSeeker
	left int
}

func (b *breakingReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("the store went away")
	}
	n, err := b.ReadSeeker.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func words(n int) string { return strings.Repeat("w", n) }
