package janitor

import (
	"context"
	"fmt"
	"time"

	"darkroom/gateway/internal/broker"
	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/ledger"
)

// outboxAge is past which the gateway that should publish a job is taken for dead.
const outboxAge = 10 * time.Second

// emptyOutbox publishes what its gateway did not. A refused message stays: a janitor never abandons.
func (j *Janitor) emptyOutbox(ctx context.Context) error {
	ids, err := j.ledger.Due(ctx, ledger.Outbox, j.ledger.Now().Add(-outboxAge), batch)
	if err != nil {
		return err
	}
	records, err := j.ledger.ReadAll(ctx, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		r, found := records[id]
		if !found || !waits(r.State) {
			if _, err := j.ledger.Drop(ctx, ledger.Outbox, id, waits); err != nil {
				return err
			}
			continue
		}
		if outcome := j.publish(ctx, id, r, r.PublishedAt, "outbox"); outcome == broker.Unknown {
			return fmt.Errorf("publish: %s", outcome)
		} else if outcome != broker.Acked {
			continue
		}
		if _, err := j.ledger.Published(ctx, id, false); err != nil {
			return err
		}
	}
	return nil
}

// publish sends the message of a record anew. A record of a later version is left to a newer gateway.
func (j *Janitor) publish(ctx context.Context, id string, r job.Record, publishedAt int64, reason string) broker.Outcome {
	if r.Version != job.MessageVersion {
		return broker.Returned
	}
	m, err := r.Message(id)
	if err != nil {
		j.log.Error("a record can't be published", "job_id", id, "error", err)
		return broker.Returned
	}
	outcome := j.desk.Publish(ctx, m, publishedAt)
	if outcome == broker.Acked {
		j.metrics.republished.WithLabelValues(reason).Inc()
		j.log.Info("message published again", "job_id", id, "reason", reason)
	}
	return outcome
}
