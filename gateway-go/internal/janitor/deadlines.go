package janitor

import (
	"context"
	"errors"
	"slices"
	"sync"

	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/ledger"
)

// batch is how many members of a set one pass works through.
const batch = 200

// abreast is how many jobs are ended at once.
const abreast = 20

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
	var late []string
	for _, id := range ids {
		if r, found := records[id]; found && r.State.Live() {
			late = append(late, id)
		} else if _, err := j.ledger.Drop(ctx, ledger.Deadline, id, job.State.Live); err != nil {
			return err
		}
	}
	// Side by side: while S3 hangs, each takes its time to give up.
	failures := make(chan error, len(late))
	for group := range slices.Chunk(late, abreast) {
		var ending sync.WaitGroup
		for _, id := range group {
			ending.Go(func() {
				_, err := j.desk.EndIfLate(ctx, id, records[id])
				failures <- err
			})
		}
		ending.Wait()
	}
	close(failures)
	var failed error
	for err := range failures {
		failed = errors.Join(failed, err)
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
		j.metrics.sealed.Inc()
		j.log.Info("verdict sealed", "job_id", id)
	}
	return nil
}
