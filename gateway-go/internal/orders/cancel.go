package orders

import (
	"context"

	"darkroom/gateway/internal/job"
)

// Cancel ends a live job; a finished one is answered unchanged. Another end that was faster is answered as it is.
func (d *Desk) Cancel(ctx context.Context, owner, id string) (job.Job, error) {
	r, err := d.stop(ctx, owner, id)
	if err != nil {
		return job.Job{}, err
	}
	return d.show(ctx, id, r, nil)
}

// stop finds a job and makes sure that it has ended.
func (d *Desk) stop(ctx context.Context, owner, id string) (*job.Record, error) {
	r, err := d.find(ctx, owner, id)
	if err != nil {
		return nil, err
	}
	var v job.Verdict
	switch {
	case r == nil:
		created, deadline, err := job.Times(id)
		if err != nil {
			return nil, notFound()
		}
		v = d.verdictByID(id, owner, created, deadline, job.StateCanceled, canceledByOwner())
	case r.State.Live():
		v = d.VerdictOf(id, *r, job.StateCanceled, canceledByOwner())
	default:
		return r, nil
	}
	ended, err := d.End(ctx, v)
	if err != nil {
		return nil, err
	}
	return shown(ended)
}
