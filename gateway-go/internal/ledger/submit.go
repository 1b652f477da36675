package ledger

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"darkroom/gateway/internal/job"
)

// Submission is what `submit` needs besides the message itself.
type Submission struct {
	Message    job.Message
	IdemHash   string // SHA-256 hex of the idempotency key, "" for none
	BodyHash   string
	QueueLimit int
	OwnerLimit int // 0 = none
}

// The words of Submitted.
const (
	Created  = "CREATED"
	Replay   = "REPLAY"
	Conflict = "CONFLICT"
	Full     = "FULL"
	Quota    = "QUOTA"
	Clock    = "CLOCK"
)

// Submitted is the answer of `submit`.
type Submitted struct {
	Word        string
	ID          string    // of a replay or a conflict
	State       job.State // of a replay
	Count       int       // waiting jobs for full, the owner's for quota
	PublishedAt int64     // ms, when created
}

// Submit looks at idempotency, admission and quota, and makes the record. CLOCK has set the clock right: mint a new id and repeat.
func (l *Ledger) Submit(ctx context.Context, s Submission) (Submitted, error) {
	fields, err := s.Message.Fields()
	if err != nil {
		return Submitted{}, err
	}
	m := s.Message
	answer, err := l.run(ctx, "submit", m.ID, m.Owner, s.IdemHash, s.BodyHash, m.Model, s.QueueLimit, s.OwnerLimit, fields, m.CreatedAt, m.Deadline)
	if err != nil {
		return Submitted{}, err
	}
	return l.readSubmitted(answer)
}

func (l *Ledger) readSubmitted(answer []string) (Submitted, error) {
	s := Submitted{Word: answer[0]}
	answer = append(answer, "", "")
	var number int64
	var err error
	switch s.Word {
	case Created, Full, Quota, Clock:
		number, err = strconv.ParseInt(answer[1], 10, 64)
	}
	if err != nil {
		return Submitted{}, fmt.Errorf("script submit answered %q: %w", answer, err)
	}
	switch s.Word {
	case Created:
		s.PublishedAt = number
	case Full, Quota:
		s.Count = int(number)
	case Clock:
		l.clock.set(time.UnixMilli(number))
	case Replay, Conflict:
		s.ID, s.State = answer[1], job.State(answer[2])
	default:
		return Submitted{}, fmt.Errorf("script submit answered %q", answer)
	}
	return s, nil
}

// Published says that the broker confirmed the message. Tell is true when a client is about to be told 202. It answers the state found; "" when the record is missing.
func (l *Ledger) Published(ctx context.Context, id string, tell bool) (job.State, error) {
	told := "0"
	if tell {
		told = "1"
	}
	return l.state(ctx, "published", id, told)
}

// Abandon gives up a record that is still submitting. It answers the state found; "" when the record is missing.
func (l *Ledger) Abandon(ctx context.Context, id string) (job.State, error) {
	return l.state(ctx, "abandon", id)
}

func (l *Ledger) state(ctx context.Context, script string, arguments ...any) (job.State, error) {
	answer, err := l.run(ctx, script, arguments...)
	if err != nil || answer[0] == "MISSING" {
		return "", err
	}
	return job.State(answer[0]), nil
}
