package orders

import (
	"context"
	"time"

	"darkroom/gateway/internal/job"
)

// Wait looks this often at the ledger for its one client.
const (
	waitSoonest = 100 * time.Millisecond
	waitLatest  = time.Second
)

// Wait answers as soon as the job has ended, and at the limit as it stands.
func (d *Desk) Wait(ctx context.Context, owner, id string, limit time.Duration) (job.Job, error) {
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		j, err := d.Read(ctx, owner, id)
		if err != nil || j.Status.Terminal() {
			return j, err
		}
		again := time.Duration(j.RetryAfter * float64(time.Second) / 4)
		if !pause(waiting, min(waitLatest, max(waitSoonest, again))) {
			return j, ctx.Err()
		}
	}
}
