package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"time"

	"darkroom/gateway/internal/job"

	"github.com/minio/minio-go/v7"
)

// Verify reads an image through, in constant memory, and compares it with its verdict. The ETag it answers stands for exactly these bytes. ErrChanged: it differs, or is gone.
func (s *Store) Verify(ctx context.Context, image job.Image) (etag string, err error) {
	body, info, err := s.open(ctx, image.Key, "", 0)
	if err != nil {
		return "", err
	}
	defer func() { _ = body.Close() }()
	hash := sha256.New()
	size, err := io.Copy(hash, body)
	if err != nil {
		return "", classify(err)
	}
	if size != image.SizeBytes || hex.EncodeToString(hash.Sum(nil)) != image.SHA256 {
		return "", fmt.Errorf("%w: %s", ErrChanged, image.Key)
	}
	return info.ETag, nil
}

// Stream opens verified bytes from an offset. ErrChanged: they are no longer those of the ETag.
func (s *Store) Stream(ctx context.Context, key, etag string, offset int64) (io.ReadCloser, error) {
	body, _, err := s.open(ctx, key, etag, offset)
	return body, err
}

func (s *Store) open(ctx context.Context, key, etag string, offset int64) (io.ReadCloser, minio.ObjectInfo, error) {
	var options minio.GetObjectOptions
	if etag != "" {
		if err := options.SetMatchETag(etag); err != nil {
			return nil, minio.ObjectInfo{}, err
		}
	}
	if offset > 0 {
		if err := options.SetRange(offset, 0); err != nil {
			return nil, minio.ObjectInfo{}, err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	body, info, _, err := minio.Core{Client: s.client}.GetObject(ctx, s.bucket, key, options)
	if err != nil {
		cancel()
		if status(err) == http.StatusPreconditionFailed || absent(err) == nil {
			return nil, info, fmt.Errorf("%w: %s", ErrChanged, key)
		}
		return nil, info, classify(err)
	}
	return &stream{body, cancel}, info, nil
}

// stream cuts a transfer that stalls.
type stream struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (s *stream) Read(p []byte) (int, error) {
	stalled := time.AfterFunc(stallLimit, s.cancel)
	defer stalled.Stop()
	return s.ReadCloser.Read(p)
}

func (s *stream) Close() error {
	s.cancel()
	return s.ReadCloser.Close()
}
