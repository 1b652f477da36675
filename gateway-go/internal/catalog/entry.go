package catalog

import "darkroom/gateway/internal/job"

// entry is one model as deploy/models.yaml writes it; the top of that file explains every key.
type entry struct {
	ID           string        `yaml:"id"`
	Name         string        `yaml:"name"`
	Description  string        `yaml:"description"`
	Licence      string        `yaml:"licence"`
	Default      bool          `yaml:"default"`
	Enabled      *bool         `yaml:"enabled"` // nil: true
	Task         string        `yaml:"task"`
	TestOnly     bool          `yaml:"test_only"`
	Source       string        `yaml:"source"`
	Repository   string        `yaml:"repository"`
	Revision     string        `yaml:"revision"`
	Pipeline     string        `yaml:"pipeline"`
	Dtype        string        `yaml:"dtype"`
	Device       string        `yaml:"device"`
	MemoryMB     int           `yaml:"memory_mb"`
	Speed        speed         `yaml:"speed"`
	Golden       string        `yaml:"golden"`
	Scale        int           `yaml:"scale"`
	Sizes        sizes         `yaml:"sizes"`
	Steps        wholes        `yaml:"steps"`
	Guidance     numbers       `yaml:"guidance_scale"`
	Schedulers   named[any]    `yaml:"schedulers"`
	Formats      []string      `yaml:"formats"`
	MaxN         int           `yaml:"max_n"`
	PromptWords  int           `yaml:"prompt_words"`
	LongPrompts  bool          `yaml:"long_prompts"`
	Vocabulary   []string      `yaml:"vocabulary"`
	Examples     []string      `yaml:"examples"`
	BatchCap     int           `yaml:"batch_cap"`
	StepMS       int           `yaml:"step_ms"`
	StallSeconds stalls        `yaml:"stall_seconds"`
	Presets      named[preset] `yaml:"presets"`
	Defaults     defaults      `yaml:"defaults"`
}

type speed struct {
	AttentionSlicing bool    `yaml:"attention_slicing"`
	VAESlicing       bool    `yaml:"vae_slicing"`
	VAETiling        bool    `yaml:"vae_tiling"`
	ChannelsLast     bool    `yaml:"channels_last"`
	Compile          bool    `yaml:"compile"`
	Offload          string  `yaml:"offload"`
	WarmUp           [][]int `yaml:"warm_up"` // width and height in pixels
}

type sizes struct {
	Min        int     `yaml:"min"`
	Max        int     `yaml:"max"`
	MultipleOf int     `yaml:"multiple_of"`
	Offered    []shape `yaml:"offered"`
}

type shape struct {
	Name   string `yaml:"name"`
	Width  int    `yaml:"width"`
	Height int    `yaml:"height"`
}

type wholes struct {
	Min int `yaml:"min"`
	Max int `yaml:"max"`
}

type numbers struct {
	Min float64 `yaml:"min"`
	Max float64 `yaml:"max"`
}

type stalls struct {
	Load      int `yaml:"load"`
	WarmUp    int `yaml:"warm_up"`
	FirstStep int `yaml:"first_step"`
	Step      int `yaml:"step"`
	Decode    int `yaml:"decode"`
}

type preset struct {
	Name     string `yaml:"name"`
	Template string `yaml:"template"`
}

type defaults struct {
	Preset        string  `yaml:"preset"`
	Width         int     `yaml:"width"`
	Height        int     `yaml:"height"`
	Steps         int     `yaml:"steps"`
	GuidanceScale float64 `yaml:"guidance_scale"`
	Scheduler     string  `yaml:"scheduler"`
	Format        string  `yaml:"format"`
	N             int     `yaml:"n"`
}

// offered: a disabled entry is only checked.
func (e entry) offered(testMode bool) bool {
	return (e.Enabled == nil || *e.Enabled) && (!e.TestOnly || testMode)
}

// model is what clients see of an entry.
func (e entry) model() job.Model {
	m := job.Model{
		ID: e.ID, Name: e.Name, Description: e.Description, Licence: e.Licence, Task: e.Task, Default: e.Default, Simulated: e.Task == "simulated",
		Sizes:    job.Sizes{Min: e.Sizes.Min, Max: e.Sizes.Max, MultipleOf: e.Sizes.MultipleOf, Offered: []job.Size{}},
		Steps:    job.Range[int](e.Steps),
		Guidance: job.Range[float64](e.Guidance),
		Formats:  e.Formats, MaxN: e.MaxN, PromptWords: e.PromptWords, Schedulers: e.Schedulers.names(), Presets: []job.Preset{},
		Defaults: job.Defaults(e.Defaults),
	}
	for _, s := range e.Sizes.Offered {
		m.Sizes.Offered = append(m.Sizes.Offered, job.Size(s))
	}
	for _, p := range e.Presets {
		m.Presets = append(m.Presets, job.Preset{ID: p.name, Name: p.value.Name, Template: p.value.Template})
	}
	return m
}
