package store

import (
	"context"
	"strings"

	"darkroom/gateway/internal/failpoint"

	"github.com/minio/minio-go/v7"
)

// Jobs answers ids that have anything stored, in order, from behind the id `after`.
func (s *Store) Jobs(ctx context.Context, after string, limit int) ([]string, error) {
	start := ""
	if after != "" {
		start = prefixOf(after) + "\uffff" // behind everything that begins with it
	}
	prefixes, err := s.list(ctx, minio.ListObjectsOptions{Prefix: "results/", StartAfter: start, MaxKeys: min(limit, 1000)}, limit)
	for i, prefix := range prefixes {
		prefixes[i] = strings.TrimSuffix(strings.TrimPrefix(prefix, "results/"), "/")
	}
	return prefixes, err
}

// Attempts answers the prefixes that attempts at a job have written to.
func (s *Store) Attempts(ctx context.Context, id string) ([]string, error) {
	names, err := s.list(ctx, minio.ListObjectsOptions{Prefix: prefixOf(id)}, 1<<20)
	var attempts []string
	for _, name := range names {
		if strings.HasSuffix(name, "/") {
			attempts = append(attempts, name)
		}
	}
	return attempts, err
}

var beforeRemove, afterRemove = failpoint.Around("remove_images")

// RemovePrefix removes every object under a prefix.
func (s *Store) RemovePrefix(ctx context.Context, prefix string) error {
	_, err := around(beforeRemove, afterRemove, func() (struct{}, error) { return struct{}{}, s.removePrefix(ctx, prefix) })
	return err
}

func (s *Store) removePrefix(ctx context.Context, prefix string) error {
	names, err := s.list(ctx, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}, 1<<20)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	for _, name := range names {
		if err := s.client.RemoveObject(ctx, s.bucket, name, minio.RemoveObjectOptions{}); err != nil {
			return classify(err)
		}
	}
	return nil
}

// RemoveJob removes everything of a job, its verdict too.
func (s *Store) RemoveJob(ctx context.Context, id string) error {
	return s.RemovePrefix(ctx, prefixOf(id))
}

func (s *Store) list(ctx context.Context, options minio.ListObjectsOptions, limit int) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	var names []string
	for object := range s.client.ListObjectsIter(ctx, s.bucket, options) {
		if object.Err != nil {
			return nil, absent(object.Err)
		}
		if names = append(names, object.Key); len(names) >= limit {
			break
		}
	}
	return names, nil
}
