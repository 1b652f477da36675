package orders_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/orders"
	"darkroom/gateway/internal/testbed"

	"github.com/redis/go-redis/v9"
)

func read(t *testing.T, d *orders.Desk, id string) job.Job {
	t.Helper()
	j, err := d.Read(t.Context(), owner, id)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestARunningJobShowsItsStepsAndItsPreview(t *testing.T) {
	b, d := whole(t)
	id := submit(t, d).ID
	fence := b.Script(t, "claim", id, b.Model, "worker-1", b.Ledger.Now().UnixMilli(), 30_000)[1]
	b.Redis.Set(t.Context(), "preview:"+id, "jpeg", time.Minute)
	b.Script(t, "beat", id, fence, 30_000, "denoising", 5, 20, 3)
	j := read(t, d, id)
	if j.Status != job.Running || *j.Stage != "denoising" || j.Progress != (job.Progress{Value: 0.25, Step: 5, Steps: 20}) || *j.Worker != "worker-1" ||
		j.Attempt != 1 || j.StartedAt == nil || j.ETASeconds == nil || j.PreviewRevision != 3 || j.URLs.Preview == nil || j.QueuePosition != nil {
		t.Errorf("%+v", j)
	}
	if jpeg, revision, err := d.Preview(t.Context(), owner, id); string(jpeg) != "jpeg" || revision != 3 || err != nil {
		t.Errorf("%q, %d, %v", jpeg, revision, err)
	}
}

func TestAFinishedJobShowsItsPicturesAndOutlivesAFlush(t *testing.T) {
	b, d := whole(t)
	id := submit(t, d).ID
	b.Succeed(t, d, id, "one", "two")
	before := read(t, d, id)
	if before.Status != job.Succeeded || len(before.Outputs) != 2 || before.Outputs[1].Seed != 8 || before.Outputs[1].URL != "/v1/jobs/"+id+"/images/1" ||
		before.Progress.Value != 1 || before.CompletedAt == nil || before.ExpiresAt == nil || before.Metrics.DenoiseMS == nil || before.Metrics.TotalMS == nil || before.RetryAfter != 0 {
		t.Errorf("%+v", before)
	}
	b.Redis.FlushDB(t.Context())
	after := read(t, d, id)
	if after.Revision <= before.Revision {
		t.Errorf("revision %d became %d", before.Revision, after.Revision)
	}
	after.Revision = before.Revision
	if fmt.Sprint(after.Outputs, after.Effective, after.Input, after.Status, after.CreatedAt) != fmt.Sprint(before.Outputs, before.Effective, before.Input, before.Status, before.CreatedAt) {
		t.Errorf("%+v became %+v", before, after)
	}
	if got := books(t, b); got.Succeeded != 1 || got.Unaccounted != 0 {
		t.Errorf("%+v", got)
	}
}

func TestAStrangerAndAForgerAreTold404(t *testing.T) {
	b, d := whole(t)
	id := submit(t, d).ID
	for name, c := range map[string]struct{ owner, id string }{
		"foreign": {job.Owner("key", "another"), id}, "forged": {owner, b.Keys.Mint(time.Now(), 900, "x")}, "empty": {owner, ""}, "path": {owner, "../"},
		"long": {owner, strings.Repeat("0", 4096)},
	} {
		if _, err := d.Read(t.Context(), c.owner, c.id); codeOf(err) != job.NotFound {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := d.Cancel(t.Context(), c.owner, c.id); codeOf(err) != job.NotFound {
			t.Errorf("cancel %s: %v", name, err)
		}
		if err := d.Delete(t.Context(), c.owner, c.id); codeOf(err) != job.NotFound {
			t.Errorf("delete %s: %v", name, err)
		}
	}
	if read(t, d, id).Status != job.Queued {
		t.Error("a stranger moved the job")
	}
}

func TestWhatAnIDProvesWithoutRecordAndVerdict(t *testing.T) {
	b, d := whole(t)
	now := b.Ledger.Now()
	if j := read(t, d, b.Keys.Mint(now, 60, owner)); j.Status != job.Running || *j.Stage != "recovering" || j.RetryAfter <= 0 {
		t.Errorf("before its deadline: %+v", j)
	}
	late := b.Keys.Mint(now.Add(-time.Minute), 1, owner)
	for range 2 {
		if j := read(t, d, late); j.Status != job.Failed || j.Error.Code != job.FailedStateLost || !j.Error.Retryable {
			t.Errorf("past its deadline: %+v", j)
		}
	}
	if v, found, err := b.Store.Verdict(t.Context(), late); !found || err != nil || v.State != job.StateFailed {
		t.Errorf("the end was shown before it was written: %+v, %v, %v", v, found, err)
	}
	if _, err := d.Read(t.Context(), owner, b.Keys.Mint(now.Add(-2*testbed.Retention), 60, owner)); codeOf(err) != job.Gone {
		t.Errorf("older than RETENTION: %v", err)
	}
	if _, err := b.Desk(b.Ledger, b.Broker, away(t, b)).Read(t.Context(), owner, b.Keys.Mint(now, 60, owner)); codeOf(err) != job.StorageUnavailable {
		t.Errorf("S3 away is not 'no verdict': %v", err)
	}
}

func TestADeadlineEndsTheJobWhenItIsRead(t *testing.T) {
	b, d := whole(t)
	request := mug()
	request.DeadlineSeconds = new(1)
	j, _, err := d.Submit(t.Context(), owner, request, "")
	if err != nil {
		t.Fatal(err)
	}
	ended, err := d.Wait(t.Context(), owner, j.ID, 10*time.Second)
	if err != nil || ended.Status != job.Failed || ended.Error.Code != job.FailedDeadline || ended.CompletedAt.Before(j.Deadline) {
		t.Fatalf("%+v, %v", ended, err)
	}
	if got := books(t, b); got.Failed != 1 || got.InFlight != 0 || got.Unaccounted != 0 {
		t.Errorf("%+v", got)
	}
}

func TestACanceledJobStaysCanceled(t *testing.T) {
	b, d := whole(t)
	id := submit(t, d).ID
	for range 2 {
		if j, err := d.Cancel(t.Context(), owner, id); err != nil || j.Status != job.Canceled || j.Error.Code != job.FailedCanceled {
			t.Fatalf("%+v, %v", j, err)
		}
	}
	if answer := b.Script(t, "claim", id, b.Model, "worker", 1, 30_000); answer[0] != "DROP" {
		t.Errorf("a worker was told %v", answer)
	}
	b.Redis.FlushDB(t.Context())
	if j := read(t, d, id); j.Status != job.Canceled {
		t.Errorf("after a flush: %+v", j)
	}
}

func TestACancelAfterTheEndChangesNothing(t *testing.T) {
	b, d := whole(t)
	id := submit(t, d).ID
	b.Succeed(t, d, id, "picture")
	if j, err := d.Cancel(t.Context(), owner, id); err != nil || j.Status != job.Succeeded {
		t.Fatalf("%+v, %v", j, err)
	}
}

func TestADeletedJobIsGoneForGoodWithItsPictures(t *testing.T) {
	b, d := whole(t)
	live, done := submit(t, d).ID, submit(t, d).ID
	b.Succeed(t, d, done, "picture")
	for _, id := range []string{live, done} {
		if err := d.Delete(t.Context(), owner, id); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Read(t.Context(), owner, id); codeOf(err) != job.Gone {
			t.Errorf("%v", err)
		}
		if attempts, err := b.Store.Attempts(t.Context(), id); err != nil || len(attempts) != 0 {
			t.Errorf("%v, %v", attempts, err)
		}
	}
	if answer := b.Script(t, "claim", live, b.Model, "worker", 1, 30_000); answer[0] != "DROP" {
		t.Errorf("a worker was told %v", answer)
	}
	if got := books(t, b); got.Accepted != 2 || got.Expired != 2 || got.Unaccounted != 0 {
		t.Errorf("%+v", got)
	}
	b.Redis.FlushDB(t.Context())
	if _, err := d.Read(t.Context(), owner, done); codeOf(err) != job.Gone {
		t.Errorf("after a flush: %v", err)
	}
}

func TestTheListIsNewestFirstInPagesAndMineAlone(t *testing.T) {
	b, d := whole(t)
	var ids []string
	for range 5 {
		ids = append(ids, submit(t, d).ID)
	}
	if _, _, err := d.Submit(t.Context(), job.Owner("key", "another"), mug(), ""); err != nil {
		t.Fatal(err)
	}
	var listed []string
	cursor := ""
	for page := range 3 {
		p, err := d.List(t.Context(), owner, cursor, 2)
		if err != nil || p.Total != 5 {
			t.Fatalf("%+v, %v", p, err)
		}
		for _, j := range p.Jobs {
			listed = append(listed, j.ID)
		}
		if cursor = p.Next; (cursor == "") != (page == 2) {
			t.Fatalf("page %d says next is %q", page, cursor)
		}
	}
	for i, id := range listed {
		if i > 0 && id > listed[i-1] && id[:10] != listed[i-1][:10] {
			t.Errorf("%v is not newest first", listed)
		}
		if !strings.Contains(strings.Join(ids, " "), id) {
			t.Errorf("%s is not mine", id)
		}
	}
	if len(listed) != 5 {
		t.Errorf("%d listed", len(listed))
	}
	if _, err := d.List(t.Context(), owner, b.Keys.Mint(time.Now(), 1, "another"), 2); codeOf(err) != job.InvalidRequest {
		t.Errorf("a foreign cursor: %v", err)
	}
}

func TestWaitEndsWithTheJobOrWithItsTime(t *testing.T) {
	b, d := whole(t)
	id := submit(t, d).ID
	if j, err := d.Wait(t.Context(), owner, id, 200*time.Millisecond); err != nil || j.Status != job.Queued {
		t.Fatalf("%+v, %v", j, err)
	}
	ended := make(chan job.Job)
	go func() {
		j, err := d.Wait(context.Background(), owner, id, time.Minute)
		if err != nil {
			t.Error(err)
		}
		ended <- j
	}()
	b.Succeed(t, d, id, "picture")
	if j := <-ended; j.Status != job.Succeeded {
		t.Fatalf("%+v", j)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Wait(ctx, owner, submit(t, d).ID, time.Minute); !errors.Is(err, context.Canceled) && codeOf(err) != job.LedgerUnavailable {
		t.Errorf("a client that left: %v", err)
	}
}

// beat writes a worker's heartbeat with some fields of its own.
func beat(t *testing.T, b *testbed.Bed, name, fields string) {
	t.Helper()
	now := b.Ledger.Now().UnixMilli()
	text := fmt.Sprintf(`{"name":%q,"version":"1","models":[%q],"held":[],"state":"ready","started_at":%d,"at":%d,%s}`, name, b.Model, now, now, fields)
	b.Redis.Set(t.Context(), "worker:"+name, text, time.Minute)
	b.Redis.ZAdd(t.Context(), "workers", redis.Z{Score: float64(now), Member: name})
}

func TestAWorkerThatCannotLoadAModelDoesNotServeIt(t *testing.T) {
	b, d := whole(t)
	b.Succeed(t, d, submit(t, d).ID, "picture")
	beat(t, b, "w1", fmt.Sprintf(`"warm":[%q],"barred":{%q:"its golden picture differs."}`, b.Model, b.Model))
	d = b.Desk(b.Ledger, b.Broker, b.Store) // one that has not looked yet
	j := submit(t, d)
	if j.ETASeconds != nil || *j.WaitingFor != "No worker can load Pocket Studio right now: its golden picture differs." {
		t.Errorf("%v, %q", j.ETASeconds, *j.WaitingFor)
	}
	if models, err := d.Models(t.Context()); err != nil || models[0].Workers != 0 || models[0].Warm != 0 {
		t.Errorf("%+v, %v", models, err)
	}
	status, err := d.Status(t.Context())
	if err != nil || status.Workers[0].Barred[b.Model] != "its golden picture differs." {
		t.Errorf("%+v, %v", status, err)
	}
	beat(t, b, "w2", `"warm":[],"barred":{"another":"no such folder"}`)
	d = b.Desk(b.Ledger, b.Broker, b.Store)
	if j := read(t, d, j.ID); j.ETASeconds == nil || *j.WaitingFor != "It is about to start." {
		t.Errorf("another worker can: %v, %q", j.ETASeconds, *j.WaitingFor)
	}
}

func TestAModelThatIsBeingLoadedSaysForHowLong(t *testing.T) {
	b, d := whole(t)
	id := submit(t, d).ID
	now := b.Ledger.Now().UnixMilli()
	for since, want := range map[int64]string{
		now:           `^Pocket Studio is being loaded, about [1-9][0-9]* s more\.$`,
		now - 120_000: `^Pocket Studio is being loaded\.$`, // longer than the last time
	} {
		beat(t, b, "w1", fmt.Sprintf(`"warm":[],"loading":{"model":%q,"since":%d,"expected_ms":60000}`, b.Model, since))
		d = b.Desk(b.Ledger, b.Broker, b.Store)
		if j := read(t, d, id); !regexp.MustCompile(want).MatchString(*j.WaitingFor) {
			t.Errorf("%q, want %q", *j.WaitingFor, want)
		}
	}
}

func TestModelsShowTheirWorkersLineAndPace(t *testing.T) {
	b, d := whole(t)
	now := b.Ledger.Now().UnixMilli()
	b.Redis.Set(t.Context(), "worker:w1", fmt.Sprintf(`{"name":"w1","version":"1","models":[%q],"warm":[%q],"held":[],"state":"ready","started_at":%d,"at":%d}`, b.Model, b.Model, now, now), time.Minute)
	b.Redis.ZAdd(t.Context(), "workers", redis.Z{Score: float64(now), Member: "w1"}, redis.Z{Score: float64(now - 60_000), Member: "dead"})
	first := submit(t, d).ID
	b.Succeed(t, d, first, "picture")
	d = b.Desk(b.Ledger, b.Broker, b.Store) // one that has not looked yet
	j := submit(t, d)
	if j.ETASeconds == nil || *j.ETASeconds != 1.5 || *j.QueuePosition != 1 || *j.WaitingFor != "It is about to start." || j.RetryAfter != 0.5 {
		t.Errorf("%+v", j)
	}
	models, err := d.Models(t.Context())
	if err != nil || models[0].ID != b.Model || models[0].Workers != 1 || models[0].Warm != 1 || *models[0].SecondsPerJob != 1.5 {
		t.Errorf("%+v, %v", models, err)
	}
	status, err := d.Status(t.Context())
	if err != nil || len(status.Workers) != 1 || status.Workers[0].Name != "w1" || status.Ledger.Accepted != 2 || status.Ledger.Unaccounted != 0 {
		t.Errorf("%+v, %v", status, err)
	}
	if lost := status.Word.Lost; lost == nil || lost.Name != "dead" || lost.SeenAt.UnixMilli() != now-60_000 {
		t.Errorf("of the worker that fell silent it says %+v", lost)
	}
}

// leaving is a caller who goes away as soon as the record is read.
type leaving struct {
	orders.Ledger
	leave context.CancelFunc
}

func (l leaving) Read(ctx context.Context, id string) (job.Record, bool, error) {
	defer l.leave()
	return l.Ledger.Read(ctx, id)
}

func TestAnEstimateIsCountedAlthoughTheCallerHasGone(t *testing.T) {
	b, _ := whole(t)
	beat(t, b, "w1", `"warm":[]`)
	b.Redis.HSet(t.Context(), "pace:"+b.Model, "ms", 600, "n", 9)
	ctx, leave := context.WithCancel(t.Context())
	d := b.Desk(leaving{b.Ledger, leave}, b.Broker, b.Store)
	id := submit(t, d).ID
	b.Succeed(t, b.Desk(b.Ledger, b.Broker, b.Store), id, "picture")
	if _, err := d.Read(ctx, owner, id); err != nil || ctx.Err() == nil {
		t.Fatal(err)
	}
	if word, err := b.Ledger.Word(t.Context()); err != nil || word.Told != 1 {
		t.Errorf("%+v, %v", word, err)
	}
}

func TestTheServiceCountsWhichOfItsEstimatesHeld(t *testing.T) {
	b, _ := whole(t)
	beat(t, b, "w1", `"warm":[]`)
	for pace, want := range map[int]job.Word{600: {Told: 1, Held: 1}, 60_000: {Told: 1}} { // ms that a job is said to take; it ends at once
		b.Redis.Del(t.Context(), "estimates")
		b.Redis.HSet(t.Context(), "pace:"+b.Model, "ms", pace, "n", 9)
		d := b.Desk(b.Ledger, b.Broker, b.Store) // one that has not looked yet
		id := submit(t, d).ID
		b.Succeed(t, d, id, "picture")
		read(t, d, id)
		read(t, d, id) // told once, counted once
		status, err := d.Status(t.Context())
		if err != nil || status.Word.Told != want.Told || status.Word.Held != want.Held {
			t.Errorf("told %d ms: %+v, %v", pace, status.Word, err)
		}
	}
}
