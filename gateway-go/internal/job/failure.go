package job

// Failure is why a job failed: a stable code, a sentence a person can act on, and whether trying again makes sense.
type Failure struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	Retryable bool   `json:"retryable"`
	Step      *int   `json:"step,omitempty"`  // where it happened, when it happened in a step
	Steps     *int   `json:"steps,omitempty"` // out of how many
}

// The codes that the gateway itself ends a job with; workers add poison, worker_lost, out_of_memory, bad_output, engine_error, storage_unavailable and refused.
const (
	FailedDeadline  = "deadline"
	FailedStateLost = "state_lost"
	FailedPoison    = "poison"
	FailedCanceled  = "canceled"
)
