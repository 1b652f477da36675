// Package store is the gateway's side of S3: verdicts, created if absent, and streams of images.
package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/treaty"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const (
	callTimeout = 5 * time.Second  // one small object
	listTimeout = 30 * time.Second // one listing or deletion of a prefix
	stallLimit  = 10 * time.Second // one read of a stream
)

// Settings tell where the bucket is.
type Settings struct {
	Endpoint  string         // host:port
	Secure    bool           // TLS
	Roots     *x509.CertPool // its authorities; nil: the system's
	AccessKey string
	SecretKey string
	Bucket    string
}

// Store is safe for concurrent use. An error wraps job.ErrAway when S3 gave no answer that says anything; "not found" is never an error of that kind.
type Store struct {
	client *minio.Client
	bucket string
	decode *treaty.Decoder
}

// Open prepares a store; it connects when it is first used.
func Open(s Settings, decode *treaty.Decoder) (*Store, error) {
	client, err := minio.New(s.Endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""), Secure: s.Secure, Transport: transport(s.Roots),
		MaxRetries: 1, // its own retries take minutes; who may repeat does so
	})
	if err != nil {
		return nil, fmt.Errorf("S3_ENDPOINT: %w", err)
	}
	return &Store{client, s.Bucket, decode}, nil
}

func transport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext:         (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
		TLSHandshakeTimeout: callTimeout, ResponseHeaderTimeout: callTimeout, ExpectContinueTimeout: time.Second,
		MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute, DisableCompression: true,
	}
}

// Check makes the bucket if it is absent, and proves that a conditional PUT lets one writer win. An error that wraps job.ErrMisconfigured is final.
func (s *Store) Check(ctx context.Context) error {
	if err := s.makeBucket(ctx); err != nil {
		return err
	}
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails, by its documentation
	key := "probe/" + hex.EncodeToString(random[:])
	defer s.remove(context.WithoutCancel(ctx), key)
	for first := true; ; first = false {
		created, err := s.put(ctx, key, []byte("{}"), true)
		switch {
		case err != nil:
			return err
		case first && !created:
			return fmt.Errorf("S3: a fresh key %s is taken", key)
		case !first && created:
			return fmt.Errorf("%w: S3 at this endpoint ignores If-None-Match on PUT, so a job could end twice; use a server with conditional PUT", job.ErrMisconfigured)
		case !first:
			return nil
		}
	}
}

// Ready reports why S3 does not answer right now, or nil.
func (s *Store) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	exists, err := s.client.BucketExists(ctx, s.bucket)
	if err == nil && !exists {
		err = fmt.Errorf("S3: there is no bucket %s", s.bucket)
	}
	return classify(err)
}

func (s *Store) makeBucket(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	exists, err := s.client.BucketExists(ctx, s.bucket)
	if err != nil || exists {
		return classify(err)
	}
	err = s.client.MakeBucket(ctx, s.bucket, minio.MakeBucketOptions{})
	if code(err) == minio.BucketAlreadyOwnedByYou || code(err) == minio.BucketAlreadyExists { // another process was faster
		return nil
	}
	return classify(err)
}

// put writes a small object; with ifAbsent it reports whether this call created it.
func (s *Store) put(ctx context.Context, key string, body []byte, ifAbsent bool) (created bool, err error) {
	options := minio.PutObjectOptions{ContentType: "application/json", DisableMultipart: true}
	if ifAbsent {
		options.SetMatchETagExcept("*")
	}
	for range 5 {
		if err = s.putOnce(ctx, key, body, options); err == nil {
			return true, nil
		}
		switch status(err) {
		case http.StatusPreconditionFailed, http.StatusNotModified:
			return false, nil
		case http.StatusConflict: // two writers at the same moment
		case http.StatusNotFound: // the bucket is gone
			if err := s.makeBucket(ctx); err != nil {
				return false, err
			}
		default:
			return false, classify(err)
		}
	}
	return false, classify(err)
}

func (s *Store) putOnce(ctx context.Context, key string, body []byte, options minio.PutObjectOptions) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := s.client.PutObject(ctx, s.bucket, key, bytes.NewReader(body), int64(len(body)), options)
	return err
}

func (s *Store) remove(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_ = s.client.RemoveObject(ctx, s.bucket, key, minio.RemoveObjectOptions{}) // a probe left behind harms nobody
}

func status(err error) int { return minio.ToErrorResponse(err).StatusCode }

func code(err error) string { return minio.ToErrorResponse(err).Code }

// classify marks every error as "away", whatever S3 or the network said: none of them says that an object does not exist.
func classify(err error) error {
	if err == nil || errors.Is(err, job.ErrAway) {
		return err
	}
	return fmt.Errorf("S3 is %w: %w", job.ErrAway, err)
}
