package orders

import (
	"context"
	"slices"
	"time"

	"darkroom/gateway/internal/job"
)

// Status answers the books, the workers, the lines and the service's word.
func (d *Desk) Status(ctx context.Context) (job.ServiceStatus, error) {
	s, err := d.fleet.look(ctx)
	if err != nil {
		return job.ServiceStatus{}, ledgerAway(err)
	}
	books, err := d.ledger.Books(ctx)
	if err != nil {
		return job.ServiceStatus{}, ledgerAway(err)
	}
	made, err := d.ledger.MadeToday(ctx)
	if err != nil {
		return job.ServiceStatus{}, ledgerAway(err)
	}
	word, err := d.ledger.Word(ctx)
	if err != nil {
		return job.ServiceStatus{}, ledgerAway(err)
	}
	workers := slices.Clone(s.workers) // the picture of the fleet is shared
	for i := range workers {
		workers[i].MadeToday = made[workers[i].Name]
	}
	return job.ServiceStatus{Ledger: books, Workers: workers, Models: d.models(s), Word: word}, nil
}

// Now is Redis time, in which every time of a job and a worker is told.
func (d *Desk) Now() time.Time { return d.ledger.Now() }

// Workers answers the live workers. It costs next to nothing: every open page asks.
func (d *Desk) Workers(ctx context.Context) ([]job.Worker, error) {
	s, err := d.fleet.look(ctx)
	if err != nil {
		return nil, ledgerAway(err)
	}
	return s.workers, nil
}
