package orders

import (
	"context"

	"darkroom/gateway/internal/job"
)

// Status answers the books, the workers and the lines.
func (d *Desk) Status(ctx context.Context) (job.ServiceStatus, error) {
	s, err := d.fleet.look(ctx)
	if err != nil {
		return job.ServiceStatus{}, ledgerAway(err)
	}
	books, err := d.ledger.Books(ctx)
	if err != nil {
		return job.ServiceStatus{}, ledgerAway(err)
	}
	workers := s.workers
	if workers == nil {
		workers = []job.Worker{}
	}
	return job.ServiceStatus{Ledger: books, Workers: workers, Models: d.models(s)}, nil
}
