package orders

import (
	"context"
	"errors"
	"time"

	"darkroom/gateway/internal/job"
)

// TombstoneAge is how much longer than its results a tombstone stays: an id proves its own age afterwards.
const TombstoneAge = 24 * time.Hour

// Delete cancels a live job, and removes a job with its images. With S3 away the job is gone at once, the error says "ask again", and the janitor finishes.
func (d *Desk) Delete(ctx context.Context, owner, id string) error {
	if _, err := d.stop(ctx, owner, id); err != nil && !d.clears(ctx, owner, id, err) {
		return err
	}
	if err := d.Bury(ctx, id, owner, "deleted"); err != nil {
		return err
	}
	d.log.Info("job deleted", "job_id", id)
	return nil
}

// clears reports whether a job that is gone by age is still in its owner's list: deleting it takes it out.
func (d *Desk) clears(ctx context.Context, owner, id string, found error) bool {
	var refusal *job.Error
	if !errors.As(found, &refusal) || refusal.Code != job.Gone {
		return false
	}
	r, there, err := d.ledger.Read(ctx, id)
	return err == nil && there && r.Gone == "expired" && r.Owner == owner
}

// Bury makes an ended job a tombstone, then overwrites its verdict and removes its images. How is "deleted" or "expired". What an error leaves undone, the janitor does.
func (d *Desk) Bury(ctx context.Context, id, owner, how string) error {
	if err := d.ledger.Entomb(ctx, id, owner, how, d.ledger.Now().UnixMilli()); err != nil {
		return ledgerAway(err)
	}
	return d.ClearGrave(ctx, id, owner)
}

// ClearGrave removes from S3 what a tombstone covers. The verdict goes first: a redelivered message must meet its end, whatever happens in between.
func (d *Desk) ClearGrave(ctx context.Context, id, owner string) error {
	created, _, err := job.Times(id)
	if err != nil {
		return err
	}
	if err := d.store.OverwriteVerdict(ctx, d.deletedVerdict(id, owner, created)); err != nil {
		return storageAway(err)
	}
	attempts, err := d.store.Attempts(ctx, id)
	if err != nil {
		return storageAway(err)
	}
	for _, prefix := range attempts {
		if err := d.store.RemovePrefix(ctx, prefix); err != nil {
			return storageAway(err)
		}
	}
	if err := d.ledger.Look(ctx, id, created.Add(d.rules.Retention+TombstoneAge)); err != nil {
		return ledgerAway(err)
	}
	return nil
}
