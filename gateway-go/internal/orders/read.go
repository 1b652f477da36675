package orders

import (
	"context"

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
		d.metrics.miss(late)
	}
	return j, nil
}
