// Package job holds the nouns of Darkroom: a job, its request, its spec, its states and errors.
// It imports the standard library only.
package job

import "time"

// Job is one request, one id, one terminal state: the JSON object of the API. Every key is always present, null when not known.
type Job struct {
	ID            string            `json:"id"`
	Kind          string            `json:"kind"` // the task: text_to_image, simulated
	Status        Status            `json:"status"`
	Stage         *string           `json:"stage"`       // waiting, retry_wait, loading_model, denoising, decoding, uploading, recovering
	WaitingFor    *string           `json:"waiting_for"` // a sentence: why it is not running yet
	Model         string            `json:"model"`
	Worker        *string           `json:"worker"`
	CreatedAt     time.Time         `json:"created_at"`
	StartedAt     *time.Time        `json:"started_at"`
	CompletedAt   *time.Time        `json:"completed_at"`
	ExpiresAt     *time.Time        `json:"expires_at"`
	Deadline      time.Time         `json:"deadline"`
	Attempt       int               `json:"attempt"`
	MaxAttempts   int               `json:"max_attempts"`
	QueuePosition *int              `json:"queue_position"` // 1 is next
	ETASeconds    *float64          `json:"eta_seconds"`    // until the end of the job; null rather than a guess
	Progress      Progress          `json:"progress"`
	Input         map[string]any    `json:"input"`     // as sent
	Effective     *Spec             `json:"effective"` // as run
	Warnings      []string          `json:"warnings"`
	Metadata      map[string]string `json:"metadata"`
	Outputs       []Output          `json:"outputs"`
	SeedDrawn     bool              `json:"seed_drawn"` // the server drew the seed
	Simulated     bool              `json:"simulated"`  // drawn without a model, for tests and demonstrations
	Error         *Failure          `json:"error"`
	Metrics       Metrics           `json:"metrics"`
	URLs          URLs              `json:"urls"`

	// Revision grows with every change of the record; it is the ETag of a poll.
	Revision int64 `json:"-"`
	// RetryAfter is when to ask again, in seconds; 0 for a terminal job.
	RetryAfter float64 `json:"-"`
	// RetryIn is the time until the next attempt may begin, in seconds; 0 when none is being waited for.
	RetryIn float64 `json:"-"`
	// PreviewRevision is 0 while there is no preview.
	PreviewRevision int64 `json:"-"`
}

// Progress of the running attempt. Value is 0 to 1.
type Progress struct {
	Value float64 `json:"value"`
	Step  int     `json:"step"`
	Steps int     `json:"steps"`
}

// Output is one stored image.
type Output struct {
	Index       int    `json:"index"`
	URL         string `json:"url"`
	ContentType string `json:"content_type"`
	Width       int    `json:"width"`
	Height      int    `json:"height"`
	SizeBytes   int64  `json:"size_bytes"`
	SHA256      string `json:"sha256"`
	Seed        int64  `json:"seed"`
}

// Metrics are the times of a job's stages in ms; null when not known.
type Metrics struct {
	QueueMS   *int64 `json:"queue_ms"`
	LoadMS    *int64 `json:"load_ms"`
	DenoiseMS *int64 `json:"denoise_ms"`
	DecodeMS  *int64 `json:"decode_ms"`
	UploadMS  *int64 `json:"upload_ms"`
	TotalMS   *int64 `json:"total_ms"`
}

// URLs of a job, relative to the gateway's root.
type URLs struct {
	Self    string  `json:"self"`
	Cancel  string  `json:"cancel"`
	Preview *string `json:"preview"`
}
