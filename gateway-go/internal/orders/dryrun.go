package orders

import (
	"context"

	"darkroom/gateway/internal/job"
)

// DryRun answers what Submit would run, and runs nothing.
func (d *Desk) DryRun(ctx context.Context, owner string, request job.Request) (job.Estimate, error) {
	model, decided, err := d.decide(ctx, owner, request)
	if err != nil {
		return job.Estimate{}, err
	}
	estimate := job.Estimate{
		Model: model.ID, Kind: model.Task, Effective: decided.Spec, SeedDrawn: decided.SeedDrawn, Warnings: decided.Warnings,
	}
	s, err := d.fleet.look(ctx)
	if err != nil {
		return job.Estimate{}, ledgerAway(err)
	}
	estimate.QueuePosition = s.lengths[model.ID] + 1
	estimate.ETASeconds = s.untilDone(model.ID, estimate.QueuePosition)
	return estimate, nil
}
