package job

import (
	"errors"
	"strings"
	"time"
)

// Code is the stable name of a refusal; the HTTP layer maps each to one status.
type Code string

// The refusals of the gateway.
const (
	InvalidRequest      Code = "invalid_request"
	UnknownModel        Code = "unknown_model"
	PromptTooLong       Code = "prompt_too_long"
	Unauthorized        Code = "unauthorized"
	NotFound            Code = "not_found"
	Gone                Code = "expired"
	IdempotencyConflict Code = "idempotency_conflict"
	QueueFull           Code = "queue_full"
	RateLimited         Code = "rate_limited"
	QuotaExceeded       Code = "quota_exceeded"
	BrokerUnavailable   Code = "broker_unavailable"
	StorageUnavailable  Code = "storage_unavailable"
	LedgerUnavailable   Code = "ledger_unavailable"
	ResultLost          Code = "result_lost"
)

// ErrNoAnswer says that nothing true can be answered: the connection must be dropped without a response.
var ErrNoAnswer = errors.New("no answer may be given")

// Error is a refusal: a stable code and a sentence a person can act on.
type Error struct {
	Code       Code
	Message    string
	Fields     []FieldError
	RetryAfter time.Duration // 0 when trying again makes no sense
	Err        error         // the cause, for the log
}

// FieldError names one bad field by its JSON pointer.
type FieldError struct {
	Path    string `json:"path"`
	Message string `json:"message"`
}

func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString(string(e.Code) + ": " + e.Message)
	for _, field := range e.Fields {
		text.WriteString("; " + field.Path + ": " + field.Message)
	}
	if e.Err != nil {
		text.WriteString(": " + e.Err.Error())
	}
	return text.String()
}

func (e *Error) Unwrap() error { return e.Err }
