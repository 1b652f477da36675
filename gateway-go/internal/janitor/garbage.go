package janitor

import (
	"context"

	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/ledger"
	"darkroom/gateway/internal/orders"
)

// collect looks at every ended job whose time has come.
func (j *Janitor) collect(ctx context.Context) error {
	ids, err := j.ledger.Due(ctx, ledger.GC, j.ledger.Now(), batch)
	if err != nil {
		return err
	}
	records, err := j.ledger.ReadAll(ctx, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		r, found := records[id]
		if !found || r.State.Live() {
			_, err = j.ledger.Drop(ctx, ledger.GC, id, func(s job.State) bool { return s != "" && !s.Live() })
		} else {
			err = j.collectOne(ctx, id, r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (j *Janitor) collectOne(ctx context.Context, id string, r job.Record) error {
	switch {
	case r.State == job.StateAbandoned: // its verdict outlives it, for copies of the message that come late
		return j.ledger.Forget(ctx, id, r.Owner)
	case r.State.Ended():
		j.log.Info("job expired", "job_id", id)
		return j.desk.Bury(ctx, id, r.Owner, "expired")
	case j.tooOld(id):
		if err := j.store.RemoveJob(ctx, id); err != nil {
			return err
		}
		return j.ledger.Forget(ctx, id, r.Owner)
	default: // a tombstone whose images are not all gone yet
		return j.desk.ClearGrave(ctx, id, r.Owner)
	}
}

// tooOld reports whether an id proves by itself that its job is gone.
func (j *Janitor) tooOld(id string) bool {
	created, _, err := job.Times(id)
	return err == nil && j.ledger.Now().After(created.Add(j.retention+orders.TombstoneAge))
}
