// Package orders is what can be done to a job, one file an act: submit, read, cancel, delete, list.
// The JSON API and the page both only translate to it.
package orders

/*
The surface that api and pages build on (each act in its own file):

	Submit(ctx, owner string, request job.Request, key string) (job.Job, replayed bool, err error)
	DryRun(ctx, owner string, request job.Request) (job.Estimate, error)
	Read(ctx, owner, id string) (job.Job, error)
	Wait(ctx, owner, id string, limit time.Duration) (job.Job, error)   // returns early when terminal; else the job as it stands
	Cancel(ctx, owner, id string) (job.Job, error)                      // idempotent; a finished job is unchanged
	Delete(ctx, owner, id string) error
	List(ctx, owner, cursor string, limit int) (job.Page, error)         // newest first; Page{Jobs []job.Job, Next string, Total int}
	Image(ctx, owner, id string, n int) (Image, error)                   // io.ReadSeekCloser-like stream + content type, size, sha256
	Preview(ctx, owner, id string) (jpeg []byte, revision int64, err error)
	Models(ctx) ([]job.Model, error)                                     // catalogue + workers alive, warm, queue length, pace
	Status(ctx) (job.ServiceStatus, error)                               // ledger, workers, lines: for /status and the strip

Errors are *job.Error{Code, Message, Fields []job.FieldError{Path, Message}, RetryAfter time.Duration}; job.Code maps to HTTP in one table
(server/problem.go): invalid_request 400, unknown_model 400, prompt_too_long 400, unauthorized 401, not_found 404, expired 410, idempotency_conflict 422,
queue_full 429, rate_limited 429, quota_exceeded 429, broker_unavailable 503, storage_unavailable 503 ... and job.ErrNoAnswer: the connection must be dropped.
*/
