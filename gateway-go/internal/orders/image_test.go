package orders_test

import (
	"io"
	"strings"
	"testing"

	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/testbed"

	"github.com/minio/minio-go/v7"
)

func TestAnImageIsReadFromAnyOffsetAndNeverWrong(t *testing.T) {
	b, d := whole(t)
	id := submit(t, d).ID
	picture := strings.Repeat("picture ", 50_000)
	b.Succeed(t, d, id, picture)
	image, err := d.Image(t.Context(), owner, id, 0)
	if err != nil {
		t.Fatal(err)
	}
	if end, err := image.Seek(0, io.SeekEnd); err != nil || end != image.SizeBytes {
		t.Fatalf("%d, %v", end, err)
	}
	for _, offset := range []int64{0, 5, 399_999} {
		if _, err := image.Seek(offset, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(image)
		if err != nil || string(got) != picture[offset:] {
			t.Fatalf("from %d: %d bytes, %v", offset, len(got), err)
		}
	}
	if err := image.Close(); err != nil {
		t.Error(err)
	}
	if _, err := d.Image(t.Context(), owner, id, 1); codeOf(err) != job.NotFound {
		t.Errorf("image 1: %v", err)
	}
	key := keyOf(t, b, id)
	b.Put(t, key, strings.Repeat("pictore ", 50_000))
	if _, err := d.Image(t.Context(), owner, id, 0); codeOf(err) != job.ResultLost {
		t.Errorf("altered: %v", err)
	}
	if err := b.S3.RemoveObject(t.Context(), b.Bucket(), key, minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Image(t.Context(), owner, id, 0); codeOf(err) != job.ResultLost {
		t.Errorf("removed: %v", err)
	}
	if _, err := b.Desk(b.Ledger, b.Broker, away(t, b)).Image(t.Context(), owner, id, 0); codeOf(err) != job.StorageUnavailable {
		t.Errorf("S3 away: %v", err)
	}
}

func keyOf(t *testing.T, b *testbed.Bed, id string) string {
	t.Helper()
	v, _, err := b.Store.Verdict(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return v.Images[0].Key
}
