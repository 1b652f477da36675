package ledger

import (
	"context"
	"fmt"

	"darkroom/gateway/internal/job"
)

// Settled is the answer of `settle`.
type Settled struct {
	Record  job.Record
	First   bool // this call ended the job
	Missing bool // unsealed alone: there is no record to decide in
}

// Settle writes the end of a job into its record, whatever live, abandoned or missing state it finds, and answers the record as it then stands.
// Unsealed means that S3 is away: the end is decided in Redis alone, and the sealer writes the verdict later.
func (l *Ledger) Settle(ctx context.Context, v job.Verdict, unsealed bool) (Settled, error) {
	text, err := v.Encode()
	if err != nil {
		return Settled{}, err
	}
	mark := "0"
	if unsealed {
		mark = "1"
	}
	answer, err := l.run(ctx, "settle", v.ID, string(text), mark, l.retention.Milliseconds())
	if err != nil {
		return Settled{}, err
	}
	switch answer[0] {
	case "MISSING":
		return Settled{Missing: true}, nil
	case "SETTLED", "FOUND":
		record, err := job.ParseRecord(pairs(answer[1:]))
		return Settled{Record: record, First: answer[0] == "SETTLED"}, err
	default:
		return Settled{}, fmt.Errorf("script settle answered %q", answer[0])
	}
}

// Entomb makes the record a tombstone, also where there is none. Gone is "deleted" or "expired".
func (l *Ledger) Entomb(ctx context.Context, id, owner, gone string, gcAt int64) error {
	_, err := l.run(ctx, "entomb", id, gone, owner, gcAt)
	return err
}

// Restore rebuilds a missing record from its message; with outbox the janitor publishes it again. It answers the state found, "" when it was restored.
func (l *Ledger) Restore(ctx context.Context, m job.Message, outbox bool) (job.State, error) {
	fields, err := m.Fields()
	if err != nil {
		return "", err
	}
	mark := "0"
	if outbox {
		mark = "1"
	}
	answer, err := l.run(ctx, "restore", m.ID, m.Owner, m.Model, fields, m.CreatedAt, m.Deadline, 0, mark)
	if err != nil || answer[0] == "RESTORED" {
		return "", err
	}
	return job.State(answer[1]), nil
}

// Again takes the job's slot of 30 s for publishing a lost message anew, and renews its stamp. Refused reports that somebody else has it, or that the job needs none.
func (l *Ledger) Again(ctx context.Context, id string) (publishedAt int64, refused bool, err error) {
	answer, err := l.run(ctx, "again", id)
	if err != nil || answer[0] != "OK" {
		return 0, true, err
	}
	_, err = fmt.Sscan(answer[1], &publishedAt)
	return publishedAt, false, err
}

func pairs(flat []string) map[string]string {
	fields := make(map[string]string, len(flat)/2)
	for i := 0; i+1 < len(flat); i += 2 {
		fields[flat[i]] = flat[i+1]
	}
	return fields
}
