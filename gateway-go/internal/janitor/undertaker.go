package janitor

import (
	"context"
	"errors"
	"fmt"

	"darkroom/gateway/internal/broker"
	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/orders"
	"darkroom/gateway/internal/tracing"
	"darkroom/gateway/internal/treaty"
)

// deliveryLimit is the broker's word for a message that it delivered too often.
const deliveryLimit = "delivery_limit"

// Undertake decides what becomes of a dead letter. A nil error acknowledges it; any other means that it is kept and tried again.
func (j *Janitor) Undertake(ctx context.Context, letter broker.Dead) error {
	m, err := j.decode.Message(letter.Body)
	if err != nil && !errors.Is(err, treaty.ErrLater) {
		j.log.Error("a dead letter is no job", "job_id", letter.ID, "reason", letter.Reason, "bytes", len(letter.Body), "error", err)
		return j.buried("garbage")
	}
	m.Traceparent = letter.Traceparent
	created, deadline, err := job.Times(m.ID)
	if now := j.ledger.Now(); err != nil || now.After(created.Add(j.retention)) && now.After(deadline) {
		return j.buried("too_old")
	}
	r, found, err := j.ledger.Read(ctx, m.ID)
	if err != nil {
		return err
	}
	if !found {
		return j.undertakeWithoutRecord(ctx, letter, m)
	}
	now := j.ledger.Now().UnixMilli()
	switch {
	case !r.State.Live():
		return j.buried("ended")
	case r.State == job.StateRunning && r.LeaseUntil > now: // another copy runs
		return j.buried("running")
	case r.Deadline <= now:
		if _, err := j.desk.EndIfLate(ctx, m.ID, r); err != nil {
			return err
		}
		return j.buried("late")
	case letter.Death == deliveryLimit && r.Attempt < r.MaxAttempts:
		return j.revive(ctx, letter, m, r.PublishedAt)
	default:
		if _, err := j.desk.End(ctx, j.desk.VerdictOf(m.ID, r, job.StateFailed, orders.FailedPoison())); err != nil {
			return err
		}
		return j.buried("poison")
	}
}

// undertakeWithoutRecord finds the job's end in S3, or brings the job back.
func (j *Janitor) undertakeWithoutRecord(ctx context.Context, letter broker.Dead, m job.Message) error {
	if ended, err := j.endedInStore(ctx, m.ID); err != nil || ended {
		return err
	}
	if m.Deadline <= j.ledger.Now().UnixMilli() {
		if _, err := j.desk.EndLateMessage(ctx, m); err != nil {
			return err
		}
		return j.buried("late")
	}
	if m.Version != job.MessageVersion { // a newer worker can rebuild the record
		return j.revive(ctx, letter, m, letter.PublishedAt)
	}
	if _, err := j.ledger.Restore(ctx, m, true); err != nil { // the outbox publishes it
		return err
	}
	// An end that came in between was not seen above.
	if ended, err := j.endedInStore(ctx, m.ID); err != nil || ended {
		return err
	}
	return j.buried("restored")
}

func (j *Janitor) endedInStore(ctx context.Context, id string) (bool, error) {
	v, found, err := j.store.Verdict(ctx, id)
	if err != nil || !found {
		return false, err
	}
	if _, err := j.desk.Settle(ctx, v); err != nil {
		return false, err
	}
	return true, j.buried("ended")
}

// revive sends the letter's own bytes once more.
func (j *Janitor) revive(ctx context.Context, letter broker.Dead, m job.Message, publishedAt int64) error {
	outcome := j.broker.Publish(tracing.Continue(ctx, m.Traceparent), broker.Envelope{
		ID: m.ID, Model: m.Model, Version: m.Version, Deadline: m.Deadline, PublishedAt: publishedAt, Body: letter.Body,
	})
	if outcome != broker.Acked {
		return fmt.Errorf("publish: %s", outcome)
	}
	j.metrics.republished.WithLabelValues("dead").Inc()
	j.log.Info("message published again", "job_id", m.ID, "reason", "dead")
	return j.buried("revived")
}

func (j *Janitor) buried(outcome string) error {
	j.metrics.dead.WithLabelValues(outcome).Inc()
	return nil
}
