package orders

import (
	"context"

	"darkroom/gateway/internal/job"
)

// find answers a job's record, and ends on the way what must have ended: past its deadline, or lost. The owner check comes first and needs no look-up.
// A nil record means that the job is under way while its record is lost; it is found again, or ends, by its deadline.
func (d *Desk) find(ctx context.Context, owner, id string) (*job.Record, error) {
	if !d.keys.Verify(id, owner) {
		return nil, notFound()
	}
	r, found, err := d.ledger.Read(ctx, id)
	if err != nil {
		return nil, ledgerAway(err)
	}
	if !found {
		return d.findWithoutRecord(ctx, owner, id)
	}
	if r.State.Live() {
		if r, err = d.EndIfLate(ctx, id, r); err != nil {
			return nil, err
		}
	} else {
		d.sealLazily(ctx, id)
	}
	return shown(r)
}

func (d *Desk) findWithoutRecord(ctx context.Context, owner, id string) (*job.Record, error) {
	v, found, err := d.store.Verdict(ctx, id)
	if err != nil {
		return nil, storageAway(err)
	}
	if !found {
		return d.findByID(ctx, owner, id)
	}
	r, err := d.Settle(ctx, v) // first settled, then shown: else a flushed job could go back to running
	if err != nil {
		return nil, err
	}
	return shown(r)
}

// findByID says what the id alone proves.
func (d *Desk) findByID(ctx context.Context, owner, id string) (*job.Record, error) {
	created, deadline, err := job.Times(id)
	if err != nil {
		return nil, notFound()
	}
	now := d.ledger.Now()
	switch {
	case now.Before(deadline): // first: a deadline may lie beyond RETENTION
		return nil, nil //nolint:nilnil // under way, without a record
	case now.After(created.Add(d.rules.Retention)):
		return nil, gone()
	}
	r, err := d.End(ctx, d.verdictByID(id, owner, created, deadline, job.StateFailed, failedStateLost()))
	if err != nil {
		return nil, err
	}
	return shown(r)
}

// shown hides what a client must not see.
func shown(r job.Record) (*job.Record, error) {
	switch r.State {
	case job.StateAbandoned:
		return nil, notFound()
	case job.StateTombstone:
		return nil, gone()
	default:
		return &r, nil
	}
}

// sealLazily seals what the janitors may not: they may all be dead. A failure leaves the work to them.
func (d *Desk) sealLazily(ctx context.Context, id string) {
	if waits, err := d.ledger.Unsealed(ctx, id); err != nil || !waits {
		return
	}
	if err := d.Seal(ctx, id); err != nil {
		d.log.Debug("not sealed", "job_id", id, "error", err)
	}
}
