package janitor

import (
	"context"

	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/ledger"
)

// dropStrays takes out of every set the members whose record is missing or does not belong there: a lost write of Redis may leave some.
func (j *Janitor) dropStrays(ctx context.Context) error {
	for _, model := range j.models {
		if err := j.dropFrom(ctx, ledger.Queued(model), waits); err != nil {
			return err
		}
	}
	if err := j.dropFrom(ctx, ledger.Leases, func(s job.State) bool { return s == job.StateRunning }); err != nil {
		return err
	}
	if err := j.dropFrom(ctx, ledger.Deadline, job.State.Live); err != nil {
		return err
	}
	return j.ledger.DropInflight(ctx)
}

// waits reports whether a job in this state is in its model's line, and perhaps in the outbox.
func waits(s job.State) bool { return s == job.StateSubmitting || s == job.StateQueued }

func (j *Janitor) dropFrom(ctx context.Context, set string, belongs func(job.State) bool) error {
	ids, err := j.ledger.All(ctx, set)
	if err != nil {
		return err
	}
	records, err := j.ledger.ReadAll(ctx, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if belongs(records[id].State) {
			continue
		}
		dropped, err := j.ledger.Drop(ctx, set, id, belongs) // the job may have moved while the set was read
		if err != nil {
			return err
		}
		if dropped {
			j.log.Warn("a stray was dropped", "set", set, "job_id", id)
		}
	}
	return nil
}
