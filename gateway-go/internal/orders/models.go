package orders

import (
	"context"
	"slices"

	"darkroom/gateway/internal/job"
)

// Models answers the catalogue with workers, warmth and line of each model.
func (d *Desk) Models(ctx context.Context) ([]job.Model, error) {
	s, err := d.fleet.look(ctx)
	if err != nil {
		return nil, ledgerAway(err)
	}
	return d.models(s), nil
}

// Offered answers the catalogue alone, where nothing can be learned of workers and lines.
func (d *Desk) Offered() []job.Model { return d.catalog.Models() }

func (d *Desk) models(s snapshot) []job.Model {
	models := d.catalog.Models()
	for i := range models {
		m := &models[i]
		for _, w := range s.workers {
			if !w.Serves(m.ID) {
				continue
			}
			m.Workers++
			if slices.Contains(w.Warm, m.ID) {
				m.Warm++
			}
		}
		m.QueueLength = s.lengths[m.ID]
		if pace := s.paces[m.ID]; pace > 0 {
			m.SecondsPerJob, m.SecondsWaiting = new(round(pace.Seconds())), new(round(s.waits[m.ID].Seconds()))
		}
	}
	return models
}

// Limits answers the limits that hold for every model.
func (d *Desk) Limits() job.Limits {
	return job.Limits{
		PromptCharacters: job.MaxPromptCharacters, MetadataPairs: job.MaxMetadataPairs,
		DeadlineSeconds: job.Range[int]{Min: 1, Max: job.MaxDeadline}, DefaultDeadlineSeconds: job.DefaultDeadline,
		IdempotencyKey: job.MaxIdempotencyKey, MaxAttempts: job.MaxAttempts, QueueLimit: d.rules.QueueLimit, OwnerLimit: d.rules.OwnerLimit,
		RetentionSeconds: int64(d.rules.Retention.Seconds()), Retention: d.rules.Retention,
	}
}
