package janitor

import (
	"context"
	"crypto/rand"
)

// watchEpoch notices that Redis lost its data: the mark that a gateway left there is gone, or is another.
func (j *Janitor) watchEpoch(ctx context.Context) error {
	epoch, err := j.ledger.Epoch(ctx, rand.Text())
	if err != nil || epoch == "" {
		return err
	}
	if j.epoch != "" && j.epoch != epoch {
		j.metrics.losses.Inc()
		j.log.Error("Redis lost its data; records are being rebuilt from messages and verdicts", "epoch", epoch)
	}
	j.epoch = epoch
	return nil
}
