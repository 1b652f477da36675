package orders

import (
	"context"

	"darkroom/gateway/internal/job"
)

// Preview answers the latest small JPEG of a job and its revision; not_found when there is none. It outlives the end by a while: a page that polled just before it still asks.
func (d *Desk) Preview(ctx context.Context, owner, id string) (jpeg []byte, revision int64, err error) {
	r, err := d.find(ctx, owner, id)
	if err != nil {
		return nil, 0, err
	}
	if r == nil || r.Preview == 0 {
		return nil, 0, noPreview()
	}
	if jpeg, err = d.ledger.Preview(ctx, id); err != nil {
		return nil, 0, ledgerAway(err)
	}
	if jpeg == nil {
		return nil, 0, noPreview()
	}
	return jpeg, r.Preview, nil
}

func noPreview() error {
	return &job.Error{Code: job.NotFound, Message: "There is no preview of this job right now."}
}
