package janitor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"darkroom/gateway/internal/broker"
	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/ledger"
)

const (
	lostAge     = 15 * time.Second // past not_before, past the last publish, or past the end of a lease
	overtakenBy = 30 * time.Second // how long ago a later message must have been claimed
)

// findLost publishes messages that are nowhere: not in the queue, not with a worker. It acts on what looked lost in two passes, because a message
// on its way to a worker is in neither place for a moment. A model whose queue does not answer holds up no other.
func (j *Janitor) findLost(ctx context.Context) error {
	looksLost := map[string]bool{}
	var failed []error
	for _, model := range j.models {
		if err := j.findLostOf(ctx, model, looksLost); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", model, err))
		}
	}
	j.suspects = looksLost
	return errors.Join(failed...)
}

func (j *Janitor) findLostOf(ctx context.Context, model string, looksLost map[string]bool) error {
	if err := j.sendUnsent(ctx, model); err != nil {
		return err
	}
	ids, records, err := j.overdue(ctx, model)
	if err != nil || len(ids) == 0 {
		return err
	}
	// The queue first, the workers after it: what leaves the queue in between is then seen with its worker.
	depth, err := j.broker.Depth(ctx, model)
	if err != nil {
		return err
	}
	mark, err := j.ledger.Mark(ctx, model, j.ledger.Now().Add(-overtakenBy))
	if err != nil {
		return err
	}
	held, err := j.held(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		r := records[id]
		if held[id] || depth > 0 && mark <= r.PublishedAt {
			continue
		}
		looksLost[id] = true
		if !j.suspects[id] {
			continue
		}
		publishedAt, refused, err := j.ledger.Again(ctx, id)
		if err != nil {
			return err
		}
		if refused {
			continue
		}
		if err := j.send(ctx, id, r, publishedAt); err != nil {
			return err
		}
	}
	return nil
}

// send publishes a lost message under its new stamp, and remembers it until that is confirmed.
func (j *Janitor) send(ctx context.Context, id string, r job.Record, publishedAt int64) error {
	unsent := j.unsent[r.Model]
	unsent[id] = publishedAt
	outcome := j.publish(ctx, id, r, publishedAt, "lost")
	switch outcome {
	case broker.Acked:
		delete(unsent, id)
	case broker.Unknown: // so it would be for the others of its queue
		return fmt.Errorf("publish: %s", outcome)
	}
	return nil
}

// sendUnsent tries again, oldest first, what was found lost and not confirmed: its slot keeps every other janitor from it, and its new stamp keeps it
// from looking lost for as long as the line is.
func (j *Janitor) sendUnsent(ctx context.Context, model string) error {
	unsent := j.unsent[model]
	ids := slices.Sorted(maps.Keys(unsent))
	records, err := j.ledger.ReadAll(ctx, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		stamp, r, now := unsent[id], records[id], j.ledger.Now().UnixMilli()
		waiting := r.State == job.StateQueued && r.NotBefore <= now || r.State == job.StateRunning && r.LeaseUntil <= now
		if !waiting || r.PublishedAt != stamp || r.Version != job.MessageVersion {
			delete(unsent, id)
			continue
		}
		if err := j.send(ctx, id, r, stamp); err != nil {
			return err
		}
	}
	return nil
}

// overdue answers the jobs of a model that some worker should have taken by now, oldest first.
func (j *Janitor) overdue(ctx context.Context, model string) ([]string, map[string]job.Record, error) {
	waiting, err := j.ledger.All(ctx, ledger.Queued(model))
	if err != nil {
		return nil, nil, err
	}
	running, err := j.ledger.Due(ctx, ledger.Leases, j.ledger.Now().Add(-lostAge), batch)
	if err != nil {
		return nil, nil, err
	}
	all := append(running, waiting...)
	records, err := j.ledger.ReadAll(ctx, all)
	if err != nil {
		return nil, nil, err
	}
	latest := j.ledger.Now().Add(-lostAge).UnixMilli()
	var ids []string
	for _, id := range all {
		r, found := records[id]
		queued := r.State == job.StateQueued && r.NotBefore <= latest && r.PublishedAt <= latest
		dead := r.State == job.StateRunning && r.LeaseUntil <= latest
		if found && r.Model == model && (queued || dead) {
			ids = append(ids, id)
		}
	}
	return ids, records, nil
}

// held are the ids of all messages that live workers have taken.
func (j *Janitor) held(ctx context.Context) (map[string]bool, error) {
	beats, err := j.ledger.Workers(ctx)
	if err != nil {
		return nil, err
	}
	held := map[string]bool{}
	for _, beat := range beats {
		for _, id := range beat.Held {
			held[id] = true
		}
	}
	return held, nil
}
