package orders

import (
	"context"

	"darkroom/gateway/internal/broker"
	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/tracing"
)

// Publish sends the job's message. PublishedAt is its stamp in ms: the time at which it enters the work queue, or should have: an unconfirmed one is sent again under it. Whoever has no trace of its own, as a
// janitor has none, sends it within the one that the job began in.
func (d *Desk) Publish(ctx context.Context, m job.Message, publishedAt int64) broker.Outcome {
	body, err := m.Encode()
	if err != nil {
		d.log.Error("a message can't be written", "job_id", m.ID, "error", err)
		return broker.Unknown
	}
	return d.broker.Publish(tracing.Continue(ctx, m.Traceparent), broker.Envelope{
		ID: m.ID, Model: m.Model, Version: m.Version, Deadline: m.Deadline, PublishedAt: publishedAt, Body: body,
	})
}
