package orders

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/store"
)

// Image is a stored image whose hash was checked. Seek is free; reading starts the transfer at the offset, so http.ServeContent serves ranges.
// A read error in mid-body means that the response must be cut, never ended.
type Image struct {
	io.ReadSeekCloser
	ContentType string
	SizeBytes   int64
	SHA256      string // hex
	Filename    string // for Content-Disposition
}

// Image opens image n of a job, and the caller closes it. The whole object was read through once and compared with its verdict before the first byte goes out;
// its ETag then stands for these bytes, so later calls read nothing twice.
func (d *Desk) Image(ctx context.Context, owner, id string, n int) (Image, error) {
	r, err := d.find(ctx, owner, id)
	if err != nil {
		return Image{}, err
	}
	if r == nil || r.State != job.StateSucceeded {
		return Image{}, noImage()
	}
	v, err := readVerdict(*r)
	if err != nil {
		return Image{}, err
	}
	for _, image := range v.Images {
		if image.Index == n {
			return d.open(ctx, id, image)
		}
	}
	return Image{}, noImage()
}

func (d *Desk) open(ctx context.Context, id string, image job.Image) (Image, error) {
	for range 2 { // an object that was written anew since it was verified is verified again
		etag, known := d.verified.get(image.Key)
		if !known {
			var err error
			if etag, err = d.store.Verify(ctx, image); err != nil {
				return Image{}, d.unreadable(id, image, err)
			}
			d.verified.put(image.Key, etag)
		}
		body, err := d.store.Stream(ctx, image.Key, etag, 0)
		if errors.Is(err, store.ErrChanged) {
			d.verified.forget(image.Key)
			continue
		}
		if err != nil {
			return Image{}, d.unreadable(id, image, err)
		}
		_, ending, _ := strings.Cut(image.ContentType, "/")
		return Image{
			ReadSeekCloser: &imageReader{ctx: ctx, store: d.store, key: image.Key, etag: etag, size: image.SizeBytes, body: body},
			ContentType:    image.ContentType, SizeBytes: image.SizeBytes, SHA256: image.SHA256,
			Filename: fmt.Sprintf("darkroom-%s-%d.%s", id[:12], image.Index, ending),
		}, nil
	}
	return Image{}, d.unreadable(id, image, store.ErrChanged)
}

func (d *Desk) unreadable(id string, image job.Image, err error) error {
	if !errors.Is(err, store.ErrChanged) {
		return storageAway(err)
	}
	d.log.Error("a result is lost", "job_id", id, "key", image.Key)
	return &job.Error{Code: job.ResultLost, Message: "The stored picture is missing or damaged, so it is not shown. Take it again with the same seed.", Err: err}
}

func noImage() error {
	return &job.Error{Code: job.NotFound, Message: "There is no such picture."}
}

// imageReader reads from S3 where it was last sought to. A new transfer begins only when a read needs one: ServeContent seeks to the end and back to learn the size.
type imageReader struct {
	ctx       context.Context //nolint:containedctx // io.Reader has no place for it
	store     Store
	key, etag string
	size      int64
	at        int64         // where the next read begins
	body      io.ReadCloser // an open transfer, nil for none
	bodyAt    int64         // and where it stands
}

func (i *imageReader) Read(p []byte) (int, error) {
	if i.at >= i.size {
		return 0, io.EOF
	}
	if i.body == nil || i.bodyAt != i.at {
		if err := i.reopen(); err != nil {
			return 0, err
		}
	}
	n, err := i.body.Read(p)
	i.at += int64(n)
	i.bodyAt = i.at
	if errors.Is(err, io.EOF) && i.at < i.size {
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

func (i *imageReader) reopen() error {
	_ = i.Close() // it was only read
	body, err := i.store.Stream(i.ctx, i.key, i.etag, i.at)
	if err != nil {
		return err
	}
	i.body, i.bodyAt = body, i.at
	return nil
}

func (i *imageReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += i.at
	case io.SeekEnd:
		offset += i.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning of an image")
	}
	i.at = offset
	return offset, nil
}

func (i *imageReader) Close() error {
	if i.body == nil {
		return nil
	}
	body := i.body
	i.body = nil
	return body.Close()
}
