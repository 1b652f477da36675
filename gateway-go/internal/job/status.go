package job

// Status is what a client sees of a job.
type Status string

// The six answers a poll can give; unknown is a 404 and has no status.
const (
	Queued    Status = "queued"
	Running   Status = "running"
	Succeeded Status = "succeeded"
	Failed    Status = "failed"
	Canceled  Status = "canceled"
	Expired   Status = "expired"
)

// Terminal reports whether a job with this status can never change again.
func (s Status) Terminal() bool { return s != Queued && s != Running }
