package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// State is where a record stands.
type State string

// The states of a record. A client never sees the first, abandoned and tombstone by these names.
const (
	StateSubmitting State = "submitting"
	StateQueued     State = "queued"
	StateRunning    State = "running"
	StateSucceeded  State = "succeeded"
	StateFailed     State = "failed"
	StateCanceled   State = "canceled"
	StateAbandoned  State = "abandoned"
	StateTombstone  State = "tombstone"
	// StateDeleted is of a verdict alone; it settles to a tombstone.
	StateDeleted State = "deleted"
)

// Live reports whether a job in this state can still be moved by a worker.
func (s State) Live() bool { return s == StateSubmitting || s == StateQueued || s == StateRunning }

// Ended reports whether a job in this state has its one end.
func (s State) Ended() bool { return s == StateSucceeded || s == StateFailed || s == StateCanceled }

// Record is the Redis hash job:{id}. Times are ms since 1970 UTC, 0 when absent. The JSON fields stay text until somebody looks.
type Record struct {
	State       State
	Revision    int64
	Owner       string
	Model       string
	Task        string
	Version     int64
	Spec        string
	Input       string
	Warnings    string
	Metadata    string
	SeedDrawn   bool
	CreatedAt   int64
	Deadline    int64
	PublishedAt int64
	NotBefore   int64
	Attempt     int64
	MaxAttempts int64
	Fence       int64
	LeaseUntil  int64
	Stage       string
	Step        int64
	Steps       int64
	Preview     int64
	Worker      string
	StartedAt   int64
	CompletedAt int64
	ExpiresAt   int64
	Reason      string
	Verdict     string
	Gone        string
	Traceparent string
}

// ErrDamaged marks a record of this version with a number that is none.
var ErrDamaged = errors.New("the record is damaged")

// ParseRecord reads the fields of the hash. Unknown fields are ignored.
func ParseRecord(fields map[string]string) (Record, error) {
	r := Record{
		State: State(fields["state"]), Owner: fields["owner"], Model: fields["model"], Task: fields["task"],
		Spec: fields["spec"], Input: fields["input"], Warnings: fields["warnings"], Metadata: fields["metadata"],
		SeedDrawn: fields["seed_drawn"] == "1", Stage: fields["stage"], Worker: fields["worker"],
		Reason: fields["reason"], Verdict: fields["verdict"], Gone: fields["gone"], Traceparent: fields["traceparent"],
	}
	if !r.State.Live() && !r.State.Ended() && r.State != StateAbandoned && r.State != StateTombstone {
		return Record{}, fmt.Errorf("record: unknown state %q", r.State)
	}
	for name, target := range map[string]*int64{
		"revision": &r.Revision, "version": &r.Version, "created_at": &r.CreatedAt, "deadline": &r.Deadline, "published_at": &r.PublishedAt,
		"not_before": &r.NotBefore, "attempt": &r.Attempt, "max_attempts": &r.MaxAttempts, "fence": &r.Fence, "lease_until": &r.LeaseUntil,
		"step": &r.Step, "steps": &r.Steps, "preview": &r.Preview, "started_at": &r.StartedAt, "completed_at": &r.CompletedAt, "expires_at": &r.ExpiresAt,
	} {
		text, present := fields[name]
		if !present || text == "" {
			continue
		}
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil || number < 0 {
			err = fmt.Errorf("record: %s is %q, not a whole number", name, text)
			if fields["version"] == strconv.Itoa(MessageVersion) || name == "version" {
				err = fmt.Errorf("%w: %w", ErrDamaged, err)
			}
			return Record{}, err
		}
		*target = number
	}
	return r, nil
}

// Message is the job's AMQP body, rebuilt from the record of a live job.
func (r Record) Message(id string) (Message, error) {
	m := Message{
		Version: int(r.Version), ID: id, Owner: r.Owner, Model: r.Model, Task: r.Task, Input: json.RawMessage(r.Input),
		SeedDrawn: r.SeedDrawn, CreatedAt: r.CreatedAt, Deadline: r.Deadline, MaxAttempts: int(r.MaxAttempts),
		Traceparent: r.Traceparent,
	}
	for name, part := range map[string]struct {
		text   string
		target any
	}{"spec": {r.Spec, &m.Spec}, "warnings": {r.Warnings, &m.Warnings}, "metadata": {r.Metadata, &m.Metadata}} {
		if err := json.Unmarshal([]byte(part.text), part.target); err != nil {
			return Message{}, fmt.Errorf("record of %s: %s: %w", id, name, err)
		}
	}
	return m, nil
}
