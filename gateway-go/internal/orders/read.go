package orders

import (
	"context"
	"time"

	"darkroom/gateway/internal/job"
)

// Read answers the job as it stands.
func (d *Desk) Read(ctx context.Context, owner, id string) (job.Job, error) {
	r, err := d.find(ctx, owner, id)
	if err != nil {
		return job.Job{}, err
	}
	return d.show(ctx, id, r, nil)
}

// show turns what was found into what a client sees. Places are positions that are known already; nil where none are.
func (d *Desk) show(ctx context.Context, id string, r *job.Record, places map[string]int) (job.Job, error) {
	if r == nil {
		return recovering(id), nil
	}
	j, err := view(id, *r)
	if err != nil {
		return job.Job{}, err
	}
	if !j.Status.Terminal() {
		d.estimate(ctx, &j, *r, places)
	} else if late, known := d.told.kept(j); known {
		d.compare(ctx, j, late)
	}
	return j, nil
}

// countTime bounds how long an answer waits for the books to be written.
const countTime = 500 * time.Millisecond

// compare notes how a succeeded job's estimate turned out, whether or not the caller is still there: nobody else knows it.
// It held when it was off by no more than a second, or a fifth of it.
func (d *Desk) compare(ctx context.Context, j job.Job, late time.Duration) {
	d.metrics.miss(late)
	estimate := j.CompletedAt.Sub(j.CreatedAt) - late
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), countTime)
	defer cancel()
	if err := d.ledger.CountEstimate(ctx, late.Abs() <= max(time.Second, estimate/5)); err != nil {
		d.log.WarnContext(ctx, "estimate not counted", "job_id", j.ID, "error", err) // a figure for people, not worth an error to them
	}
}
