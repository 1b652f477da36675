package job

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Request is what a client asks for. A field that was not sent is nil; the catalogue fills it in.
type Request struct {
	Model           *string           `json:"model,omitempty"`
	Prompt          *string           `json:"prompt,omitempty"`  // the words themselves, or
	Product         *string           `json:"product,omitempty"` // a product, put into the template of
	Preset          *string           `json:"preset,omitempty"`  // this preset
	NegativePrompt  *string           `json:"negative_prompt,omitempty"`
	Width           *int              `json:"width,omitempty"`  // pixels
	Height          *int              `json:"height,omitempty"` // pixels
	Steps           *int              `json:"steps,omitempty"`
	GuidanceScale   *float64          `json:"guidance_scale,omitempty"`
	Scheduler       *string           `json:"scheduler,omitempty"`
	Seed            *int64            `json:"seed,omitempty"` // 0 to 2^32 - 1
	N               *int              `json:"n,omitempty"`
	Format          *string           `json:"format,omitempty"` // png, webp, jpeg
	DeadlineSeconds *int              `json:"deadline_seconds,omitempty"`
	Batch           *int              `json:"batch,omitempty"` // 1: drawn alone, for an exact reproduction
	Image           *Source           `json:"image,omitempty"` // for the task upscale
	Metadata        map[string]string `json:"metadata,omitempty"`
}

// Input is the request as it was sent, for the job's `input`: settings alone, metadata has its own place.
func (r Request) Input() map[string]any {
	r.Metadata = nil
	input := map[string]any{}
	_ = json.Unmarshal(r.encode(), &input) // what was just encoded decodes
	return input
}

// Hash is SHA-256, in hex, over the request's one canonical form: the same settings are the same body, however they were spelled.
func (r Request) Hash() string {
	sum := sha256.Sum256(r.encode())
	return hex.EncodeToString(sum[:])
}

func (r Request) encode() []byte {
	text, err := json.Marshal(r)
	if err != nil {
		panic("a request always encodes: " + err.Error()) // strings, numbers and string pairs; Validate refuses NaN first
	}
	return text
}
