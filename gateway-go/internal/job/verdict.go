package job

import "encoding/json"

// VerdictVersion is the version of the verdict that this gateway writes.
const VerdictVersion = 1

// Verdict is the S3 object that ends a job: created if absent, so there is one. Times are ms since 1970 UTC.
// Where a job is known by its id alone, its own fields (Model to MaxAttempts) are absent, all together. A deleted verdict has neither these nor deadline and expiry.
type Verdict struct {
	Version     int    `json:"version"`
	ID          string `json:"id"`
	State       State  `json:"state"`
	Owner       string `json:"owner"`
	CreatedAt   int64  `json:"created_at"`
	StartedAt   int64  `json:"started_at,omitempty"`
	CompletedAt int64  `json:"completed_at"`
	Deadline    int64  `json:"deadline,omitempty"`
	ExpiresAt   int64  `json:"expires_at,omitempty"`

	Model       string            `json:"model,omitempty"`
	Task        string            `json:"task,omitempty"`
	Spec        *Spec             `json:"spec,omitempty"`
	Input       json.RawMessage   `json:"input,omitempty"`
	Warnings    []string          `json:"warnings,omitzero"`
	Metadata    map[string]string `json:"metadata,omitzero"`
	SeedDrawn   *bool             `json:"seed_drawn,omitempty"`
	MaxAttempts int               `json:"max_attempts,omitempty"`

	Attempt *int     `json:"attempt,omitempty"`
	Worker  string   `json:"worker,omitempty"`
	Step    *int     `json:"step,omitempty"`
	Steps   *int     `json:"steps,omitempty"`
	Error   *Failure `json:"error,omitempty"`
	Images  []Image  `json:"images,omitempty"`
	Timings *Timings `json:"timings,omitempty"`
}

// Image is one stored image of a verdict.
type Image struct {
	Index       int    `json:"index"`
	Key         string `json:"key"`
	ContentType string `json:"content_type"`
	Width       int    `json:"width"`
	Height      int    `json:"height"`
	SizeBytes   int64  `json:"size_bytes"`
	SHA256      string `json:"sha256"`
	Seed        int64  `json:"seed"`
}

// Timings of the attempt that ended the job, in ms; nil when not known.
type Timings struct {
	QueueMS   *int64 `json:"queue_ms,omitempty"`
	LoadMS    *int64 `json:"load_ms,omitempty"`
	DenoiseMS *int64 `json:"denoise_ms,omitempty"`
	DecodeMS  *int64 `json:"decode_ms,omitempty"`
	UploadMS  *int64 `json:"upload_ms,omitempty"`
	WorkMS    *int64 `json:"work_ms,omitempty"`  // claim to verdict
	TotalMS   *int64 `json:"total_ms,omitempty"` // submit to verdict
}

// Encode writes the object.
func (v Verdict) Encode() ([]byte, error) { return json.Marshal(v) }
