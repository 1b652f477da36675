package pages

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sort"
	"testing"
	"time"

	"darkroom/gateway/internal/job"
)

// shownDesk holds jobs to be shown. It proves how the page looks, and nothing about the orders room.
type shownDesk struct {
	jobs  []job.Job
	away  error // what every question answers, when the ledger is away
	asked []job.Request
	keys  []string      // of what was asked
	early time.Duration // by which this machine's clock is off
	taken *job.Job      // what an earlier request with the same key made
	books int           // how often they were read
	idle  bool          // no worker has anything to do
}

func (d *shownDesk) Submit(_ context.Context, _ string, request job.Request, key string) (job.Job, bool, error) {
	d.asked, d.keys = append(d.asked, request), append(d.keys, key)
	if d.away != nil {
		return job.Job{}, false, d.away
	}
	if d.taken != nil {
		return *d.taken, true, nil
	}
	if request.Steps != nil && *request.Steps > 100 {
		return job.Job{}, false, &job.Error{Code: job.InvalidRequest, Fields: []job.FieldError{{Path: "/steps", Message: "too many"}}}
	}
	j := queuedJob("new", "", "waiting")
	j.Input, j.QueuePosition = request.Input(), ref(1)
	d.jobs = append([]job.Job{j}, d.jobs...)
	return j, false, nil
}

func (d *shownDesk) Read(_ context.Context, _, id string) (job.Job, error) {
	if d.away != nil {
		return job.Job{}, d.away
	}
	for _, j := range d.jobs {
		if j.ID == id {
			return j, nil
		}
	}
	return job.Job{}, &job.Error{Code: job.NotFound, Message: "There is no such job."}
}

func (d *shownDesk) Cancel(ctx context.Context, owner, id string) (job.Job, error) {
	j, err := d.Read(ctx, owner, id)
	j.Status, j.CompletedAt, j.Stage = job.Canceled, ref(j.CreatedAt), nil
	return j, err
}

func (d *shownDesk) Delete(ctx context.Context, owner, id string) error {
	_, err := d.Read(ctx, owner, id)
	return err
}

func (d *shownDesk) List(_ context.Context, _, cursor string, limit int) (job.Page, error) {
	if d.away != nil {
		return job.Page{}, d.away
	}
	if cursor == "junk" {
		return job.Page{}, &job.Error{Code: job.InvalidRequest, Message: "bad cursor"}
	}
	if cursor != "" || len(d.jobs) <= limit {
		return job.Page{Jobs: d.jobs, Total: len(d.jobs)}, nil
	}
	return job.Page{Jobs: d.jobs[:limit], Next: "more", Total: len(d.jobs)}, nil
}

func (d *shownDesk) Models(context.Context) ([]job.Model, error) {
	if !d.idle {
		return sampleModels, nil
	}
	models := slices.Clone(sampleModels)
	for i := range models {
		models[i].QueueLength = 0
	}
	return models, nil
}

func (d *shownDesk) Offered() []job.Model { return sampleModels }

func (d *shownDesk) Limits() job.Limits {
	return job.Limits{Retention: 7 * 24 * time.Hour, DefaultDeadlineSeconds: 900}
}

func (d *shownDesk) Status(ctx context.Context) (job.ServiceStatus, error) {
	d.books++
	workers, err := d.Workers(ctx)
	for i := range workers {
		workers[i].MadeToday = []int{412, 96, 380}[i]
	}
	return job.ServiceStatus{
		Ledger:  job.Ledger{Accepted: 12481, Succeeded: 12101, Failed: 87, Canceled: 241, Expired: 38, InFlight: 14},
		Models:  sampleModels,
		Workers: workers,
		Word:    job.Word{Since: ref(time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)), Told: 12_061, Held: 11_240, Lost: &job.LostWorker{Name: "worker 4", SeenAt: time.Date(2026, 11, 20, 14, 2, 0, 0, time.UTC)}},
	}, err
}

func (d *shownDesk) Now() time.Time { return time.Now().Add(-d.early) }

func (d *shownDesk) Workers(context.Context) ([]job.Worker, error) {
	if d.away != nil {
		return nil, d.away
	}
	now := time.Now()
	if d.idle {
		return []job.Worker{
			{Name: "worker 1", State: "ready", Warm: []string{"pocket-studio"}, SeenAt: now},
			{Name: "worker 2", State: "ready", SeenAt: now},
		}, nil
	}
	return []job.Worker{
		{Name: "worker 1", State: "busy", Stage: "denoising", Warm: []string{"pocket-studio"}, SeenAt: now.Add(-time.Second)},
		{Name: "worker 2", State: "ready", Loading: &job.Loading{Model: "sdxl", Since: now, ExpectedMS: 12_000}, SeenAt: now.Add(-2 * time.Second)},
		{Name: "worker 3", State: "draining", Warm: []string{"pocket-studio"}, SeenAt: now},
	}, nil
}

// allJobs is every state, in a fixed order.
func allJobs() []job.Job {
	jobs := sampleJobs()
	names := make([]string, 0, len(jobs))
	for name := range jobs {
		names = append(names, name)
	}
	sort.Strings(names)
	var all []job.Job
	for _, name := range names {
		all = append(all, jobs[name])
	}
	return all
}

func serve(t testing.TB, desk Desk) *httptest.Server {
	t.Helper()
	mux := handlerOf(t, desk)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'") // the edge sets it and more, for every route
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Request-Id", "0123456789abcdef")
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

func handlerOf(t testing.TB, desk Desk) *http.ServeMux {
	t.Helper()
	mux := http.NewServeMux()
	studio := &Studio{
		Desk: desk, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Missing: func() []string { return nil }, HTTPS: func(r *http.Request) bool { return r.Header.Get("X-Forwarded-Proto") == "https" },
		Owner: func(http.ResponseWriter, *http.Request) (string, error) { return "somebody", nil },
		StatusOf: func(err error) int {
			var refused *job.Error
			if errors.As(err, &refused) {
				switch refused.Code {
				case job.NotFound:
					return http.StatusNotFound
				case job.Gone:
					return http.StatusGone
				case job.InvalidRequest:
					return http.StatusBadRequest
				case job.QueueFull:
					return http.StatusTooManyRequests
				}
			}
			return http.StatusServiceUnavailable
		},
	}
	if err := studio.Register(mux); err != nil {
		t.Fatal(err)
	}
	return mux
}
