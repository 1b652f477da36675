package janitor

import (
	"context"
	"errors"

	"darkroom/gateway/internal/ledger"
)

// batch is how many members of a set one pass works through.
const batch = 200

// endLate fails every job whose deadline is past.
func (j *Janitor) endLate(ctx context.Context) error {
	ids, err := j.ledger.Due(ctx, ledger.Deadline, j.ledger.Now(), batch)
	if err != nil {
		return err
	}
	records, err := j.ledger.ReadAll(ctx, ids)
	if err != nil {
		return err
	}
	var failed error
	for _, id := range ids {
		r, found := records[id]
		if !found || !r.State.Live() {
			if err := j.ledger.Drop(ctx, ledger.Deadline, id); err != nil {
				return err
			}
			continue
		}
		if _, err := j.desk.EndIfLate(ctx, id, r); err != nil {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// seal writes the verdicts of jobs that were ended while S3 was away.
func (j *Janitor) seal(ctx context.Context) error {
	ids, err := j.ledger.Due(ctx, ledger.Unsealed, j.ledger.Now(), batch)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := j.desk.Seal(ctx, id); err != nil {
			return err // S3 is still away
		}
		j.log.Info("verdict sealed", "job_id", id)
	}
	return nil
}
