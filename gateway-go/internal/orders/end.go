package orders

import (
	"context"
	"errors"

	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/ledger"
)

// End ends a job, unless somebody was faster: the verdict is created first, and whichever verdict counts is settled. It answers the record as it then stands.
// With S3 away a cancel or a deadline is decided in Redis alone, if there is a record, and the sealer writes the verdict later. Any other end has to wait, because a
// verdict may be there: the error is a refusal.
func (d *Desk) End(ctx context.Context, v job.Verdict) (job.Record, error) {
	counted, err := d.store.PutVerdict(ctx, v)
	unsealed := errors.Is(err, job.ErrAway)
	switch {
	case unsealed && v.State != job.StateCanceled && codeOf(v) != job.FailedDeadline:
		return job.Record{}, storageAway(err)
	case unsealed:
		counted = v
	case err != nil:
		return job.Record{}, err
	}
	settled, err := d.ledger.Settle(ctx, counted, unsealed)
	if err != nil {
		return job.Record{}, ledgerAway(err)
	}
	if settled.Missing {
		return job.Record{}, storageAway(job.ErrAway)
	}
	if settled.First {
		d.metrics.end(counted)
		d.log.InfoContext(ctx, "job ended", "job_id", v.ID, "state", string(counted.State), "code", codeOf(counted), "unsealed", unsealed)
	}
	return settled.Record, nil
}

func codeOf(v job.Verdict) string {
	if v.Error == nil {
		return ""
	}
	return v.Error.Code
}

// EndIfLate ends a live job whose deadline is past, and answers the record as it then stands.
func (d *Desk) EndIfLate(ctx context.Context, id string, r job.Record) (job.Record, error) {
	if !r.State.Live() || d.ledger.Now().UnixMilli() < r.Deadline {
		return r, nil
	}
	return d.End(ctx, d.VerdictOf(id, r, job.StateFailed, failedDeadline()))
}

// Settle takes a verdict that was found in S3 into the record.
func (d *Desk) Settle(ctx context.Context, v job.Verdict) (job.Record, error) {
	settled, err := d.ledger.Settle(ctx, v, false)
	if err != nil {
		return job.Record{}, ledgerAway(err)
	}
	return settled.Record, nil
}

// Seal writes the verdict of a job that was ended in Redis while S3 was away. It overwrites: the decision is made. A tombstone that came in between is sealed as such.
func (d *Desk) Seal(ctx context.Context, id string) error {
	r, found, err := d.ledger.Read(ctx, id)
	if err != nil {
		return err
	}
	if found && r.Verdict != "" {
		v, err := readVerdict(r)
		if err != nil {
			return err
		}
		if err := d.store.OverwriteVerdict(ctx, v); err != nil {
			return err
		}
		if r, found, err = d.ledger.Read(ctx, id); err != nil {
			return err
		}
	}
	if found && r.State == job.StateTombstone {
		created, _, err := job.Times(id)
		if err != nil {
			return err
		}
		if err := d.store.OverwriteVerdict(ctx, d.deletedVerdict(id, r.Owner, created)); err != nil {
			return err
		}
	}
	_, err = d.ledger.Drop(ctx, ledger.Unsealed, id, func(job.State) bool { return false }) // a record that moves meanwhile is sealed again
	return err
}

// EndLateMessage ends a job that is past its deadline and has no record.
func (d *Desk) EndLateMessage(ctx context.Context, m job.Message) (job.Record, error) {
	return d.End(ctx, d.verdictOfMessage(m, job.StateFailed, failedDeadline()))
}
