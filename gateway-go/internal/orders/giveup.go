package orders

import (
	"context"
	"errors"

	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/ledger"
)

func brokerAway() error {
	return &job.Error{Code: job.BrokerUnavailable, Message: "The queue takes no jobs right now. This one was not taken; try again.", RetryAfter: retrySoon}
}

// giveUp abandons a job whose message is not known to be kept, unless somebody was faster. Refused means that the broker surely has no copy.
func (d *Desk) giveUp(ctx context.Context, m job.Message, publishedAt int64, refused bool) (job.Job, error) {
	state, err := d.insist(ctx, m.ID, func(ctx context.Context) (job.State, error) { return d.ledger.Abandon(ctx, m.ID) })
	if err != nil {
		return job.Job{}, err
	}
	switch state {
	case "": // the record is lost, and a copy of the message may be in the queue
		return job.Job{}, job.ErrNoAnswer
	case job.StateSubmitting, job.StateAbandoned:
		return d.abandoned(ctx, m, publishedAt, refused)
	default: // a worker, a cancel or the janitor was faster
		return d.accept(ctx, m, publishedAt)
	}
}

// abandoned leaves a verdict for any copy of the message that turns up late.
func (d *Desk) abandoned(ctx context.Context, m job.Message, publishedAt int64, refused bool) (job.Job, error) {
	v := d.verdictOfMessage(m, job.StateAbandoned, nil)
	counted, err := d.store.PutVerdict(ctx, v)
	switch {
	case errors.Is(err, job.ErrAway):
		settled, err := d.insistSettle(ctx, v, true)
		switch {
		case err != nil:
			return job.Job{}, err
		case settled.Missing: // nothing is left that would stop a copy of the message
			return job.Job{}, job.ErrNoAnswer
		case settled.Record.State != job.StateAbandoned:
			return d.accept(ctx, m, publishedAt)
		}
		return job.Job{}, brokerAway()
	case err != nil:
		d.log.Error("an abandoned job has an unreadable verdict", "job_id", m.ID, "error", err)
		return job.Job{}, job.ErrNoAnswer
	case counted.State != job.StateAbandoned: // it was ended by somebody whose write to Redis was lost
		if _, err := d.insistSettle(ctx, counted, false); err != nil {
			return job.Job{}, err
		}
		return d.accept(ctx, m, publishedAt)
	case refused:
		model, _ := d.catalog.Find(m.Model)
		return job.Job{}, d.queueFull(ctx, model, d.rules.QueueLimit)
	default:
		return job.Job{}, brokerAway()
	}
}

func (d *Desk) insistSettle(ctx context.Context, v job.Verdict, unsealed bool) (settled ledger.Settled, err error) {
	_, err = d.insist(ctx, v.ID, func(ctx context.Context) (job.State, error) {
		settled, err = d.ledger.Settle(ctx, v, unsealed)
		return settled.Record.State, err
	})
	return settled, err
}
