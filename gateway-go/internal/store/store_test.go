package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/treaty"

	"github.com/minio/minio-go/v7"
)

func settings(t *testing.T) Settings {
	t.Helper()
	s := Settings{Endpoint: os.Getenv("S3_ENDPOINT"), AccessKey: os.Getenv("S3_ACCESS_KEY"), SecretKey: os.Getenv("S3_SECRET_KEY"), Bucket: "darkroom-store-test"}
	if s.Endpoint == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("S3_ENDPOINT is not set")
		}
		t.Skip("S3_ENDPOINT is not set")
	}
	return s
}

func open(t *testing.T, s Settings) *Store {
	t.Helper()
	decoder, err := treaty.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	opened, err := Open(s, decoder)
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

func ready(t *testing.T) *Store {
	t.Helper()
	s := open(t, settings(t))
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// freshID makes an id that no other test uses; the store does not ask for proofs.
func freshID(t *testing.T, seed string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(t.Name() + seed + fmt.Sprint(os.Getpid())))
	const alphabet = "0123456789abcdefghijklmnopqrstuv"
	id := make([]byte, 42)
	for i := range id {
		id[i] = alphabet[sum[i%32]%32]
	}
	id[28], id[41] = '0', '0'
	return string(id)
}

func canceled(id, message string) job.Verdict {
	return job.Verdict{
		Version: 1, ID: id, State: job.StateCanceled, Owner: strings.Repeat("a", 32), CreatedAt: 1, CompletedAt: 2, Deadline: 3, ExpiresAt: 4, Attempt: new(0),
		Error: &job.Failure{Code: "canceled", Message: message},
	}
}

func TestOfManyVerdictsAtOnceOneCountsAndAllAreToldWhich(t *testing.T) {
	s := ready(t)
	for round := range 10 {
		id := freshID(t, fmt.Sprint(round))
		answers := make(chan string)
		for i := range 16 {
			go func() {
				v, err := s.PutVerdict(t.Context(), canceled(id, fmt.Sprint("writer ", i)))
				if err != nil {
					answers <- err.Error()
				} else {
					answers <- v.Error.Message
				}
			}()
		}
		var told []string
		for range 16 {
			told = append(told, <-answers)
		}
		if slices.Sort(told); told[0] != told[15] {
			t.Fatalf("told %v", told)
		}
	}
}

func TestAVerdictIsFoundOverwrittenAndRemoved(t *testing.T) {
	s, id := ready(t), freshID(t, "")
	if _, found, err := s.Verdict(t.Context(), id); found || err != nil {
		t.Fatalf("before: %v, %v", found, err)
	}
	if _, err := s.PutVerdict(t.Context(), canceled(id, "first")); err != nil {
		t.Fatal(err)
	}
	if err := s.OverwriteVerdict(t.Context(), canceled(id, "second")); err != nil {
		t.Fatal(err)
	}
	if v, found, err := s.Verdict(t.Context(), id); !found || err != nil || v.Error.Message != "second" {
		t.Fatalf("%+v, %v, %v", v, found, err)
	}
	if err := s.RemoveJob(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if _, found, err := s.Verdict(t.Context(), id); found || err != nil {
		t.Fatalf("after: %v, %v", found, err)
	}
}

func TestS3OutOfReachIsNeverNoVerdict(t *testing.T) {
	s := open(t, Settings{Endpoint: "127.0.0.1:1", AccessKey: "a", SecretKey: "b", Bucket: "ccc"})
	if _, found, err := s.Verdict(t.Context(), freshID(t, "")); found || !errors.Is(err, job.ErrAway) {
		t.Fatalf("%v, %v", found, err)
	}
	if _, err := s.PutVerdict(t.Context(), canceled(freshID(t, ""), "")); !errors.Is(err, job.ErrAway) {
		t.Fatal(err)
	}
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer broken.Close()
	s = open(t, Settings{Endpoint: strings.TrimPrefix(broken.URL, "http://"), AccessKey: "a", SecretKey: "b", Bucket: "ccc"})
	if _, found, err := s.Verdict(t.Context(), freshID(t, "")); found || !errors.Is(err, job.ErrAway) {
		t.Fatalf("%v, %v", found, err)
	}
}

func TestARefusalOfS3IsAwayWhateverItsReason(t *testing.T) {
	for code, status := range map[string]int{"XMinioStorageFull": 507, "AccessDenied": 403, "SlowDown": 503, "RequestTimeTooSkewed": 403} {
		t.Run(code, func(t *testing.T) {
			refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "application/xml")
				w.WriteHeader(status)
				_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>No.</Message></Error>", code)
			}))
			defer refusing.Close()
			s := open(t, Settings{Endpoint: strings.TrimPrefix(refusing.URL, "http://"), AccessKey: "a", SecretKey: "b", Bucket: "ccc"})
			if _, found, err := s.Verdict(t.Context(), freshID(t, "")); found || !errors.Is(err, job.ErrAway) {
				t.Fatalf("%v, %v", found, err)
			}
			if _, err := s.PutVerdict(t.Context(), canceled(freshID(t, ""), "")); !errors.Is(err, job.ErrAway) {
				t.Fatal(err)
			}
			if err := s.Ready(t.Context()); !errors.Is(err, job.ErrAway) {
				t.Fatal(err)
			}
		})
	}
}

func TestAServerWithoutConditionalPutIsRefused(t *testing.T) {
	careless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("ETag", `"0"`)
		if r.URL.Query().Has("location") {
			_, _ = w.Write([]byte(`<LocationConstraint>us-east-1</LocationConstraint>`))
		}
	}))
	defer careless.Close()
	s := open(t, Settings{Endpoint: strings.TrimPrefix(careless.URL, "http://"), AccessKey: "a", SecretKey: "b", Bucket: "ccc"})
	if err := s.Check(t.Context()); !errors.Is(err, job.ErrMisconfigured) || !strings.Contains(err.Error(), "If-None-Match") {
		t.Fatal(err)
	}
}

func TestAMissingBucketIsMadeAgain(t *testing.T) {
	config := settings(t)
	config.Bucket = "darkroom-store-test-lost"
	s, id := open(t, config), freshID(t, "")
	if _, err := s.PutVerdict(t.Context(), canceled(id, "kept")); err != nil {
		t.Fatal(err)
	}
	if err := s.RemoveJob(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := s.client.RemoveBucket(t.Context(), config.Bucket); err != nil {
		t.Fatal(err)
	}
	if _, found, err := s.Verdict(t.Context(), id); found || err != nil {
		t.Fatalf("%v, %v", found, err)
	}
}

func storeImage(t *testing.T, s *Store, id string, bytesOf []byte) job.Image {
	t.Helper()
	key := "results/" + id + "/1795300000000-00000000/0.png"
	if _, err := s.client.PutObject(t.Context(), s.bucket, key, bytes.NewReader(bytesOf), int64(len(bytesOf)), minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(bytesOf)
	return job.Image{Key: key, SizeBytes: int64(len(bytesOf)), SHA256: hex.EncodeToString(sum[:])}
}

func TestAVerifiedImageIsStreamedFromAnyOffset(t *testing.T) {
	s := ready(t)
	picture := bytes.Repeat([]byte("picture "), 100_000)
	image := storeImage(t, s, freshID(t, ""), picture)
	etag, err := s.Verify(t.Context(), image)
	if err != nil {
		t.Fatal(err)
	}
	for _, offset := range []int64{0, 1, 777_777, image.SizeBytes - 1} {
		body, err := s.Stream(t.Context(), image.Key, etag, offset)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		if err != nil || !bytes.Equal(got, picture[offset:]) || body.Close() != nil {
			t.Fatalf("from %d: %d bytes, %v", offset, len(got), err)
		}
	}
}

func TestAnAlteredOrLostImageIsToldBeforeTheFirstByte(t *testing.T) {
	s, id := ready(t), freshID(t, "")
	image := storeImage(t, s, id, []byte("the picture"))
	etag, err := s.Verify(t.Context(), image)
	if err != nil {
		t.Fatal(err)
	}
	storeImage(t, s, id, []byte("the pictore"))
	if _, err := s.Verify(t.Context(), image); !errors.Is(err, ErrChanged) {
		t.Errorf("altered: %v", err)
	}
	if _, err := s.Stream(t.Context(), image.Key, etag, 0); !errors.Is(err, ErrChanged) {
		t.Errorf("altered after it was verified: %v", err)
	}
	if err := s.RemoveJob(context.Background(), id); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Verify(t.Context(), image); !errors.Is(err, ErrChanged) {
		t.Errorf("lost: %v", err)
	}
}

func TestJobsAndAttemptsAreListedInOrderAndInParts(t *testing.T) {
	config := settings(t)
	config.Bucket = "darkroom-store-test-list"
	s := open(t, config)
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i := range 5 {
		id := freshID(t, fmt.Sprint(i))
		storeImage(t, s, id, []byte("x"))
		ids = append(ids, id)
		t.Cleanup(func() { _ = s.RemoveJob(context.Background(), id) })
	}
	slices.Sort(ids)
	first, err := s.Jobs(t.Context(), "", 3)
	if err != nil || !slices.Equal(first, ids[:3]) {
		t.Fatalf("%v, %v, want %v", first, err, ids[:3])
	}
	rest, err := s.Jobs(t.Context(), first[2], 3)
	if err != nil || !slices.Equal(rest, ids[3:]) {
		t.Fatalf("%v, %v, want %v", rest, err, ids[3:])
	}
	attempts, err := s.Attempts(t.Context(), ids[0])
	if err != nil || len(attempts) != 1 || attempts[0] != "results/"+ids[0]+"/1795300000000-00000000/" {
		t.Fatalf("%v, %v", attempts, err)
	}
}
