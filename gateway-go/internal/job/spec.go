package job

// Spec is what runs: every setting decided. Image i of N uses Seed + i.
type Spec struct {
	Prompt         string  `json:"prompt"`
	NegativePrompt string  `json:"negative_prompt"`
	Width          int     `json:"width"`  // pixels
	Height         int     `json:"height"` // pixels
	Steps          int     `json:"steps"`
	GuidanceScale  float64 `json:"guidance_scale"`
	Scheduler      string  `json:"scheduler"`
	Seed           int64   `json:"seed"` // 0 to 2^32 - 1
	N              int     `json:"n"`
	Format         string  `json:"format"` // png, webp, jpeg

	Batch int     `json:"batch,omitempty"` // images denoised together: of a request 1, or 0 for as many as suits; of an ended job what really was
	Image *Source `json:"image,omitempty"` // for the task upscale
}

// Source is a finished picture of the same owner, as input.
type Source struct {
	Job   string `json:"job"`
	Index int    `json:"index"`
}
