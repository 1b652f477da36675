package job

import "time"

// Limits of a request that hold for every model.
const (
	MaxPromptCharacters = 10_000
	MaxMetadataPairs    = 16
	MaxMetadataName     = 64   // characters
	MaxMetadataValue    = 1024 // characters
	MaxSeed             = 1<<32 - 1
	MaxDeadline         = 65_535 // seconds: 16 bits of the id
	DefaultDeadline     = 900    // seconds
	MaxIdempotencyKey   = 255    // characters
	MaxAttempts         = 3
)

// Limits is the answer to GET /v1/limits.
type Limits struct {
	PromptCharacters       int           `json:"prompt_characters"`
	MetadataPairs          int           `json:"metadata_pairs"`
	DeadlineSeconds        Range[int]    `json:"deadline_seconds"`
	DefaultDeadlineSeconds int           `json:"default_deadline_seconds"`
	IdempotencyKey         int           `json:"idempotency_key_characters"`
	MaxAttempts            int           `json:"max_attempts"`
	QueueLimit             int           `json:"queue_limit"` // waiting jobs of one model
	OwnerLimit             int           `json:"owner_limit"` // unfinished jobs of one owner, 0 = none
	RetentionSeconds       int64         `json:"retention_seconds"`
	Retention              time.Duration `json:"-"`
}
