package orders_test

import (
	"errors"
	"testing"

	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/testbed"
)

func enlarge(b *testbed.Bed, id string, index int) job.Request {
	return job.Request{Model: &b.Upscale, Prompt: new("a red mug"), Seed: new(int64(7)), Image: &job.Source{Job: id, Index: index}}
}

func TestAFinishedPictureOfOnesOwnIsEnlarged(t *testing.T) {
	b, d := whole(t)
	id := submit(t, d).ID
	b.Succeed(t, d, id, "one", "two")
	estimate, err := d.DryRun(t.Context(), owner, enlarge(b, id, 1))
	if err != nil || estimate.Kind != "upscale" || estimate.Effective.Width != 512 || estimate.Effective.Image == nil {
		t.Fatalf("%+v, %v", estimate, err)
	}
	j, _, err := d.Submit(t.Context(), owner, enlarge(b, id, 1), "")
	if err != nil {
		t.Fatal(err)
	}
	m, _ := b.MessageOf(t, b.Upscale)
	if m.ID != j.ID || m.Task != "upscale" || m.Spec.Width != 512 || m.Spec.Height != 512 || *m.Spec.Image != (job.Source{Job: id, Index: 1}) {
		t.Errorf("%+v", m)
	}
	if again := read(t, d, j.ID); again.Effective.Image == nil || *again.Effective.Image != *m.Spec.Image {
		t.Errorf("%+v", again.Effective)
	}
}

func TestARepeatedUpscaleIsTheSameJobThoughItsPictureIsGone(t *testing.T) {
	b, d := whole(t)
	id := submit(t, d).ID
	b.Succeed(t, d, id, "one")
	first, _, err := d.Submit(t.Context(), owner, enlarge(b, id, 0), "key")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Delete(t.Context(), owner, id); err != nil {
		t.Fatal(err)
	}
	if again, replayed, err := d.Submit(t.Context(), owner, enlarge(b, id, 0), "key"); err != nil || !replayed || again.ID != first.ID {
		t.Errorf("%+v, %v, %v", again, replayed, err)
	}
	for _, key := range []string{"", "another"} {
		if _, _, err := d.Submit(t.Context(), owner, enlarge(b, id, 0), key); codeOf(err) != job.InvalidRequest {
			t.Errorf("key %q: %v", key, err)
		}
	}
	if got := books(t, b); got.Accepted != 2 {
		t.Errorf("%+v", got)
	}
}

func TestAPictureThatCannotBeEnlargedIsToldByItsField(t *testing.T) {
	b, d := whole(t)
	done, queued, canceled, deleted := submit(t, d).ID, submit(t, d).ID, submit(t, d).ID, submit(t, d).ID
	b.Succeed(t, d, done, "one", "two")
	if _, err := d.Cancel(t.Context(), owner, canceled); err != nil {
		t.Fatal(err)
	}
	if err := d.Delete(t.Context(), owner, deleted); err != nil {
		t.Fatal(err)
	}
	foreign, _, err := d.Submit(t.Context(), job.Owner("key", "another"), mug(), "")
	if err != nil {
		t.Fatal(err)
	}
	b.Succeed(t, d, foreign.ID, "picture")
	for name, c := range map[string]struct {
		id    string
		index int
		want  job.FieldError
	}{
		"foreign":     {foreign.ID, 0, job.FieldError{Path: "/image/job", Message: "There is no such job."}},
		"no id":       {"../", 0, job.FieldError{Path: "/image/job", Message: "There is no such job."}},
		"queued":      {queued, 0, job.FieldError{Path: "/image/job", Message: "This job has not ended yet. Wait for its picture."}},
		"canceled":    {canceled, 0, job.FieldError{Path: "/image/job", Message: "This job has no picture: it is canceled."}},
		"deleted":     {deleted, 0, job.FieldError{Path: "/image/job", Message: "This job and its pictures are gone: they were deleted, or kept for their time."}},
		"index 2":     {done, 2, job.FieldError{Path: "/image/index", Message: "Between 0 and 1 for this job."}},
		"index below": {done, -1, job.FieldError{Path: "/image/index", Message: "Between 0 and 1 for this job."}},
	} {
		t.Run(name, func(t *testing.T) {
			_, dryErr := d.DryRun(t.Context(), owner, enlarge(b, c.id, c.index))
			_, _, err := d.Submit(t.Context(), owner, enlarge(b, c.id, c.index), "")
			for _, err := range []error{dryErr, err} {
				var refusal *job.Error
				if !errors.As(err, &refusal) || refusal.Code != job.InvalidRequest || len(refusal.Fields) != 1 || refusal.Fields[0] != c.want {
					t.Errorf("%v, want %+v", err, c.want)
				}
			}
		})
	}
	if got := books(t, b); got.Accepted != 5 {
		t.Errorf("something was submitted: %+v", got)
	}
	if err := b.Redis.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	blind := b.Desk(b.Ledger, b.Broker, away(t, b))
	if _, err := blind.DryRun(t.Context(), owner, enlarge(b, done, 0)); codeOf(err) != job.StorageUnavailable {
		t.Errorf("S3 away is not 'no picture': %v", err)
	}
}
