package orders

import (
	"context"
	"time"

	"darkroom/gateway/internal/job"
)

const (
	longestPage = 100
	endingTime  = 3 * time.Second // for ending what is past its deadline; what is left is shown as it stands
)

// List answers an owner's jobs, newest first. Cursor is "" or a page's Next; limit is 1 to 100.
func (d *Desk) List(ctx context.Context, owner, cursor string, limit int) (job.Page, error) {
	if limit < 1 || limit > longestPage {
		return job.Page{}, badQuery("?limit", "1 to 100.")
	}
	if cursor != "" && !d.keys.Verify(cursor, owner) {
		return job.Page{}, badQuery("?cursor", "The next of a page of yours.")
	}
	ids, total, err := d.ledger.List(ctx, owner, cursor, limit)
	if err != nil {
		return job.Page{}, ledgerAway(err)
	}
	records, err := d.ledger.ReadAll(ctx, ids)
	if err != nil {
		return job.Page{}, ledgerAway(err)
	}
	page := job.Page{Jobs: []job.Job{}, Total: total}
	if len(ids) == limit {
		page.Next = ids[len(ids)-1]
	}
	places, err := d.ledger.Positions(ctx, waiting(records))
	if err != nil {
		return job.Page{}, ledgerAway(err)
	}
	soon, cancel := context.WithTimeout(ctx, endingTime)
	defer cancel()
	for _, id := range ids {
		r, found := records[id]
		if !found || r.State == job.StateSubmitting || r.State == job.StateAbandoned {
			continue
		}
		if late, err := d.EndIfLate(soon, id, r); err == nil {
			r = late
		}
		j, err := d.show(ctx, id, &r, places)
		if err != nil {
			return job.Page{}, err
		}
		page.Jobs = append(page.Jobs, j)
	}
	return page, nil
}

// waiting are the models of the queued among these jobs, by id.
func waiting(records map[string]job.Record) map[string]string {
	models := map[string]string{}
	for id, r := range records {
		if r.State == job.StateQueued {
			models[id] = r.Model
		}
	}
	return models
}

func badQuery(path, message string) error {
	return &job.Error{Code: job.InvalidRequest, Message: "The request has a value that cannot be used.", Fields: []job.FieldError{{Path: path, Message: message}}}
}
