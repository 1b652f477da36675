package janitor_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/testbed"

	"github.com/minio/minio-go/v7"
)

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

func TestAVerdictThatNobodyCanReadDoesNotEndTheSweep(t *testing.T) {
	h := open(t)
	first, second := h.submit(t), h.submit(t) // ids sort by time
	h.succeed(t, second)
	orphan := "results/" + second + "/1-00000000/0.png"
	h.image(t, orphan)
	h.image(t, "results/"+first+"/1-00000000/0.png")
	h.image(t, "results/"+first+"/verdict.json")
	h.pass(t, 1)
	if _, err := h.S3.StatObject(t.Context(), h.Bucket(), orphan, minio.StatObjectOptions{}); err == nil {
		t.Error("the orphan behind it is still there")
	}
}
