package orders

import (
	"time"

	"darkroom/gateway/internal/job"
)

// retrySoon is when to ask again while something is away.
const retrySoon = 2 * time.Second

func notFound() error {
	return &job.Error{Code: job.NotFound, Message: "There is no such job."}
}

func gone() error {
	return &job.Error{Code: job.Gone, Message: "This job and its pictures are gone: they were deleted, or kept for their time."}
}

func ledgerAway(err error) error {
	return &job.Error{Code: job.LedgerUnavailable, Message: "The job's record can't be read right now. Nothing is lost; ask again.", RetryAfter: retrySoon, Err: err}
}

func storageAway(err error) error {
	return &job.Error{Code: job.StorageUnavailable, Message: "The store of results can't be reached right now. Nothing is lost; ask again.", RetryAfter: retrySoon, Err: err}
}
