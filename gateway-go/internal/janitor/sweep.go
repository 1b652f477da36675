package janitor

import (
	"context"
	"errors"
	"strings"

	"darkroom/gateway/internal/job"
)

// sweepBatch is how many jobs' prefixes one sweep looks at.
const sweepBatch = 50

// sweep removes prefixes that no image will ever be shown from: those of attempts that an existing verdict does not name, and all of a job that is long gone.
// A missing verdict says nothing: the attempt may still be under way.
func (j *Janitor) sweep(ctx context.Context) error {
	ids, err := j.store.Jobs(ctx, j.swept, sweepBatch)
	if err != nil {
		return err
	}
	for _, id := range ids {
		switch err := j.sweepJob(ctx, id); {
		case errors.Is(err, job.ErrAway):
			return err
		case err != nil: // a verdict that nobody can read must not end the round for all behind it
			j.log.Error("a job cannot be swept", "job_id", id, "error", err)
		}
		j.swept = id
	}
	if len(ids) < sweepBatch {
		j.swept = ""
	}
	return nil
}

func (j *Janitor) sweepJob(ctx context.Context, id string) error {
	if j.tooOld(id) {
		j.metrics.swept.Inc()
		return j.store.RemoveJob(ctx, id)
	}
	attempts, err := j.store.Attempts(ctx, id)
	if err != nil || len(attempts) == 0 {
		return err
	}
	v, found, err := j.store.Verdict(ctx, id)
	if err != nil || !found {
		return err
	}
	for _, prefix := range attempts {
		named := false
		for _, image := range v.Images {
			named = named || strings.HasPrefix(image.Key, prefix)
		}
		if named {
			continue
		}
		if err := j.store.RemovePrefix(ctx, prefix); err != nil {
			return err
		}
		j.metrics.swept.Inc()
		j.log.Info("orphaned images removed", "job_id", id, "prefix", prefix)
	}
	return nil
}
