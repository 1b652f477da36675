package store

import (
	"context"
	"errors"
	"fmt"
	"io"

	"darkroom/gateway/internal/failpoint"
	"darkroom/gateway/internal/job"

	"github.com/minio/minio-go/v7"
)

// maxVerdict bounds what is read as a verdict: prompts are at most 10 000 characters, images at most 64.
const maxVerdict = 1 << 20

var (
	beforePut, afterPut             = failpoint.Around("put_verdict")
	beforeOverwrite, afterOverwrite = failpoint.Around("overwrite_verdict")
	beforeLook, afterLook           = failpoint.Around("look")
)

// PutVerdict ends a job: it creates the verdict if there is none, and answers the one that counts, which may be another's.
func (s *Store) PutVerdict(ctx context.Context, v job.Verdict) (job.Verdict, error) {
	body, err := v.Encode()
	if err != nil {
		return job.Verdict{}, err
	}
	for range 3 { // a verdict that is there at PUT may be deleted with its bucket before GET
		created, err := around(beforePut, afterPut, func() (bool, error) { return s.put(ctx, verdictKey(v.ID), body, true) })
		if err != nil {
			return job.Verdict{}, err
		}
		if created {
			return v, nil
		}
		existing, found, err := s.Verdict(ctx, v.ID)
		if err != nil || found {
			return existing, err
		}
	}
	return job.Verdict{}, fmt.Errorf("S3 is %w: the verdict of %s comes and goes", job.ErrAway, v.ID)
}

// OverwriteVerdict is for the sealer and for deletion alone.
func (s *Store) OverwriteVerdict(ctx context.Context, v job.Verdict) error {
	body, err := v.Encode()
	if err != nil {
		return err
	}
	_, err = around(beforeOverwrite, afterOverwrite, func() (bool, error) { return s.put(ctx, verdictKey(v.ID), body, false) })
	return err
}

// Verdict reads a job's verdict. S3 out of reach is an error, never "not found".
func (s *Store) Verdict(ctx context.Context, id string) (verdict job.Verdict, found bool, err error) {
	text, err := around(beforeLook, afterLook, func() ([]byte, error) { return s.read(ctx, verdictKey(id)) })
	if err != nil || text == nil {
		return job.Verdict{}, false, err
	}
	verdict, err = s.decode.Verdict(id, text)
	return verdict, err == nil, err
}

// read answers a small object, nil where S3 says that there is none.
func (s *Store) read(ctx context.Context, key string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	body, _, _, err := minio.Core{Client: s.client}.GetObject(ctx, s.bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, absent(err)
	}
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(io.LimitReader(body, maxVerdict))
	return text, classify(err)
}

// around runs a call between its points. S3 gave no answer, as far as this process can know, when one of them strikes.
func around[T any](before, after failpoint.Point, call func() (T, error)) (answer T, err error) {
	if err = before.Hit(); err != nil {
		return answer, classify(err)
	}
	if answer, err = call(); err == nil {
		err = classify(after.Hit())
	}
	return answer, err
}

func verdictKey(id string) string { return prefixOf(id) + "verdict.json" }

func prefixOf(id string) string { return "results/" + id + "/" }

// absent turns S3's clear word that there is no such object into nil.
func absent(err error) error {
	if c := code(err); c == minio.NoSuchKey || c == minio.NoSuchBucket {
		return nil
	}
	return classify(err)
}

// ErrChanged says that an image is gone, or is no longer what its verdict says.
var ErrChanged = errors.New("the stored image is gone or was altered")
