package store

import (
	"context"
	"errors"
	"fmt"
	"io"

	"darkroom/gateway/internal/job"

	"github.com/minio/minio-go/v7"
)

// maxVerdict bounds what is read as a verdict: prompts are at most 10 000 characters, images at most 64.
const maxVerdict = 1 << 20

// PutVerdict ends a job: it creates the verdict if there is none, and answers the one that counts, which may be another's.
func (s *Store) PutVerdict(ctx context.Context, v job.Verdict) (job.Verdict, error) {
	body, err := v.Encode()
	if err != nil {
		return job.Verdict{}, err
	}
	for range 3 { // a verdict that is there at PUT may be deleted with its bucket before GET
		created, err := s.put(ctx, verdictKey(v.ID), body, true)
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
	_, err = s.put(ctx, verdictKey(v.ID), body, false)
	return err
}

// Verdict reads a job's verdict. S3 out of reach is an error, never "not found".
func (s *Store) Verdict(ctx context.Context, id string) (verdict job.Verdict, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	body, _, _, err := minio.Core{Client: s.client}.GetObject(ctx, s.bucket, verdictKey(id), minio.GetObjectOptions{})
	if err != nil {
		return job.Verdict{}, false, absent(err)
	}
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(io.LimitReader(body, maxVerdict))
	if err != nil {
		return job.Verdict{}, false, classify(err)
	}
	verdict, err = s.decode.Verdict(id, text)
	return verdict, err == nil, err
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
