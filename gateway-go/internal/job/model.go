package job

// Model is an entry of the catalogue as clients see it, with what is known of it right now.
type Model struct {
	ID          string         `json:"id"`
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Task        string         `json:"task"` // text_to_image, upscale, simulated
	Licence     string         `json:"licence"`
	Default     bool           `json:"default"`   // used when a request names no model
	Simulated   bool           `json:"simulated"` // draws without a model
	Sizes       Sizes          `json:"sizes"`
	Steps       Range[int]     `json:"steps"`
	Guidance    Range[float64] `json:"guidance_scale"`
	Schedulers  []string       `json:"schedulers"`
	Formats     []string       `json:"formats"`
	MaxN        int            `json:"max_n"`        // images in one job
	PromptWords int            `json:"prompt_words"` // words the model can read, 0 when there is no limit worth naming
	Presets     []Preset       `json:"presets"`
	Defaults    Defaults       `json:"defaults"`

	SchedulerNames map[string]string `json:"scheduler_names"` // id -> as people know it
	NegativePrompt bool              `json:"negative_prompt"` // whether it reads one
	Vocabulary     []string          `json:"vocabulary"`      // the words that it knows, empty when there is no limit
	Examples       []string          `json:"examples"`        // prompts that it does well
	Scale          *int              `json:"scale"`           // of upscale: how many times as wide and high the picture comes out; else null
	MemoryMB       int               `json:"memory_mb"`       // MiB on the device, an estimate; 0 where nothing is loaded

	Workers       int      `json:"workers"`         // alive and serving this model
	Warm          int      `json:"warm"`            // of these, holding it in memory
	QueueLength   int      `json:"queue_length"`    // jobs waiting
	SecondsPerJob *float64 `json:"seconds_per_job"` // recent average on a worker, null until one succeeded

	SecondsWaiting *float64 `json:"-"` // recent average in the line
}

// Range is inclusive.
type Range[T int | float64] struct {
	Min T `json:"min"`
	Max T `json:"max"`
}

// Sizes allowed for width and height, in pixels, and those worth offering by name.
type Sizes struct {
	Min        int    `json:"min"`
	Max        int    `json:"max"`
	MultipleOf int    `json:"multiple_of"`
	Offered    []Size `json:"offered"`
}

// Size is one pair that a page offers.
type Size struct {
	Name   string `json:"name"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
}

// Preset is a look: a prompt template with one {product}.
type Preset struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Template string `json:"template"`
}

// Defaults are used for what a request leaves out.
type Defaults struct {
	Preset        string  `json:"preset"`
	Width         int     `json:"width"`
	Height        int     `json:"height"`
	Steps         int     `json:"steps"`
	GuidanceScale float64 `json:"guidance_scale"`
	Scheduler     string  `json:"scheduler"`
	Format        string  `json:"format"`
	N             int     `json:"n"`
}
