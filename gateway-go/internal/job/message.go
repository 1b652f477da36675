package job

import (
	"encoding/json"
	"strconv"
)

// MessageVersion is the version of the AMQP body that this gateway writes.
const MessageVersion = 1

// Message is the AMQP body of a job: all that is needed to rebuild its record. Times are ms since 1970 UTC.
type Message struct {
	Version     int               `json:"version"`
	ID          string            `json:"id"`
	Owner       string            `json:"owner"`
	Model       string            `json:"model"`
	Task        string            `json:"task"`
	Spec        Spec              `json:"spec"`
	Input       json.RawMessage   `json:"input"` // as sent
	Warnings    []string          `json:"warnings"`
	Metadata    map[string]string `json:"metadata"`
	SeedDrawn   bool              `json:"seed_drawn"`
	CreatedAt   int64             `json:"created_at"`
	Deadline    int64             `json:"deadline"`
	MaxAttempts int               `json:"max_attempts"`

	Traceparent string `json:"-"` // of the span that submitted it, "" where nothing is traced: a header of the message, a field of the record
}

// Encode writes the body.
func (m Message) Encode() ([]byte, error) { return json.Marshal(m) }

// Fields are the job's own fields of the record, as the scripts `submit` and `restore` take them: a flat object of strings.
func (m Message) Fields() (string, error) {
	fields := map[string]string{
		"task": m.Task, "version": strconv.Itoa(m.Version), "input": string(m.Input),
		"seed_drawn": flag(m.SeedDrawn), "max_attempts": strconv.Itoa(m.MaxAttempts),
	}
	if m.Traceparent != "" {
		fields["traceparent"] = m.Traceparent
	}
	for name, value := range map[string]any{"spec": m.Spec, "warnings": m.Warnings, "metadata": m.Metadata} {
		text, err := json.Marshal(value)
		if err != nil {
			return "", err
		}
		fields[name] = string(text)
	}
	text, err := json.Marshal(fields)
	return string(text), err
}

func flag(set bool) string {
	if set {
		return "1"
	}
	return "0"
}
