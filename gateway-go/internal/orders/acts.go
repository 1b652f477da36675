package orders

import (
	"context"
	"errors"
	"io"
	"time"

	"darkroom/gateway/internal/job"
)

var errStub = errors.New("not built yet")

// Submit accepts a job: the answer means that it will run. Key is the idempotency key, "" for none; replayed reports that an earlier request with it made the job.
func (d *Desk) Submit(ctx context.Context, owner string, request job.Request, key string) (accepted job.Job, replayed bool, err error) {
	return job.Job{}, false, errStub
}

// DryRun answers what Submit would run, and runs nothing.
func (d *Desk) DryRun(ctx context.Context, owner string, request job.Request) (job.Estimate, error) {
	return job.Estimate{}, errStub
}

// Read answers the job as it stands.
func (d *Desk) Read(ctx context.Context, owner, id string) (job.Job, error) {
	return job.Job{}, errStub
}

// Wait answers as soon as the job has ended, and at the limit as it stands.
func (d *Desk) Wait(ctx context.Context, owner, id string, limit time.Duration) (job.Job, error) {
	return job.Job{}, errStub
}

// Cancel ends a live job; a finished one is answered unchanged.
func (d *Desk) Cancel(ctx context.Context, owner, id string) (job.Job, error) {
	return job.Job{}, errStub
}

// Delete cancels a live job, and removes a job with its images.
func (d *Desk) Delete(ctx context.Context, owner, id string) error { return errStub }

// List answers an owner's jobs, newest first. Cursor is "" or a page's Next; limit is 1 to 100.
func (d *Desk) List(ctx context.Context, owner, cursor string, limit int) (job.Page, error) {
	return job.Page{}, errStub
}

// Image opens image n of a job. The caller closes it.
func (d *Desk) Image(ctx context.Context, owner, id string, n int) (Image, error) {
	return Image{}, errStub
}

// Image is a stored image whose hash was checked. Seek is free; reading starts the transfer at the offset, so http.ServeContent serves ranges.
// A read error in mid-body means that the response must be cut, never ended.
type Image struct {
	io.ReadSeekCloser
	ContentType string
	SizeBytes   int64
	SHA256      string // hex
	Filename    string // for Content-Disposition
}

// Preview answers the latest small JPEG of a running job and its revision; not_found when there is none.
func (d *Desk) Preview(ctx context.Context, owner, id string) (jpeg []byte, revision int64, err error) {
	return nil, 0, errStub
}

// Models answers the catalogue with workers, warmth and line of each model.
func (d *Desk) Models(ctx context.Context) ([]job.Model, error) { return nil, errStub }

// Limits answers the limits that hold for every model.
func (d *Desk) Limits() job.Limits { return job.Limits{} }

// Status answers the books, the workers and the lines.
func (d *Desk) Status(ctx context.Context) (job.ServiceStatus, error) {
	return job.ServiceStatus{}, errStub
}
