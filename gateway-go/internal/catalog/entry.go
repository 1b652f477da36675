package catalog

import "darkroom/gateway/internal/job"

// file is deploy/models.yaml.
type file struct {
	Models []entry `yaml:"models" least:"1"`
}

// entry is one model as deploy/models.yaml writes it; the top of that file explains every key. A key that may be left out says omitempty; the other tags are for `check`.
type entry struct {
	ID           string         `yaml:"id" form:"id"`
	Name         string         `yaml:"name"`
	Description  string         `yaml:"description,omitempty"`
	Licence      string         `yaml:"licence"`
	Default      bool           `yaml:"default,omitempty"`
	Enabled      *bool          `yaml:"enabled,omitempty"` // nil: true
	Task         string         `yaml:"task" of:"text_to_image upscale simulated"`
	TestOnly     bool           `yaml:"test_only,omitempty"`
	Source       string         `yaml:"source,omitempty"`
	Repository   string         `yaml:"repository,omitempty" form:"repository"`
	Revision     string         `yaml:"revision,omitempty" form:"revision"`
	Pipeline     string         `yaml:"pipeline,omitempty"`
	Dtype        string         `yaml:"dtype,omitempty" of:"float32 float16 bfloat16"`
	Device       string         `yaml:"device,omitempty" of:"auto cpu cuda"`
	MemoryMB     int            `yaml:"memory_mb,omitempty" range:"1 1048576"`
	Speed        speed          `yaml:"speed,omitempty"`
	Golden       string         `yaml:"golden,omitempty"`
	Scale        int            `yaml:"scale,omitempty" range:"2 8"`
	Sizes        sizes          `yaml:"sizes"`
	Steps        wholes         `yaml:"steps"`
	Guidance     numbers        `yaml:"guidance_scale"`
	Schedulers   named[options] `yaml:"schedulers" least:"1"`
	Formats      []string       `yaml:"formats" least:"1" of:"png webp jpeg"`
	MaxN         int            `yaml:"max_n" range:"1 64"`
	PromptWords  int            `yaml:"prompt_words,omitempty" range:"0 10000"`
	LongPrompts  bool           `yaml:"long_prompts,omitempty"`
	Vocabulary   []string       `yaml:"vocabulary,omitempty" form:"word"`
	Examples     []string       `yaml:"examples,omitempty"`
	BatchCap     int            `yaml:"batch_cap" range:"1 64"`
	StepMS       int            `yaml:"step_ms,omitempty" range:"0 60000"`
	StallSeconds stalls         `yaml:"stall_seconds"`
	Presets      named[preset]  `yaml:"presets" keys:"id" least:"1"`
	Defaults     defaults       `yaml:"defaults"`
}

type speed struct {
	AttentionSlicing bool    `yaml:"attention_slicing,omitempty"`
	VAESlicing       bool    `yaml:"vae_slicing,omitempty"`
	VAETiling        bool    `yaml:"vae_tiling,omitempty"`
	ChannelsLast     bool    `yaml:"channels_last,omitempty"`
	Compile          bool    `yaml:"compile,omitempty"`
	Offload          string  `yaml:"offload,omitempty" of:"none model sequential"`
	WarmUp           [][]int `yaml:"warm_up,omitempty" range:"8 16384"` // width and height in pixels
}

type sizes struct {
	Min        int     `yaml:"min" range:"8 16384"`
	Max        int     `yaml:"max" range:"8 16384"`
	MultipleOf int     `yaml:"multiple_of" range:"1 1024"`
	Offered    []shape `yaml:"offered,omitempty"`
}

type shape struct {
	Name   string `yaml:"name"`
	Width  int    `yaml:"width" range:"8 16384"`
	Height int    `yaml:"height" range:"8 16384"`
}

type wholes struct {
	Min int `yaml:"min" range:"1 1000"`
	Max int `yaml:"max" range:"1 1000"`
}

type numbers struct {
	Min float64 `yaml:"min" range:"0 100"`
	Max float64 `yaml:"max" range:"0 100"`
}

// options of a scheduler are the worker's matter; {} says none.
type options = named[any]

type stalls struct {
	Load      int `yaml:"load" range:"1 3600"`
	WarmUp    int `yaml:"warm_up" range:"1 3600"`
	FirstStep int `yaml:"first_step" range:"1 3600"`
	Step      int `yaml:"step" range:"1 3600"`
	Decode    int `yaml:"decode" range:"1 3600"`
}

type preset struct {
	Name     string `yaml:"name"`
	Template string `yaml:"template" form:"template"`
}

type defaults struct {
	Preset        string  `yaml:"preset"`
	Width         int     `yaml:"width" range:"8 16384"`
	Height        int     `yaml:"height" range:"8 16384"`
	Steps         int     `yaml:"steps" range:"1 1000"`
	GuidanceScale float64 `yaml:"guidance_scale" range:"0 100"`
	Scheduler     string  `yaml:"scheduler"`
	Format        string  `yaml:"format" of:"png webp jpeg"`
	N             int     `yaml:"n" range:"1 64"`
}

// offered: a disabled entry is only checked.
func (e entry) offered(testMode bool) bool {
	return (e.Enabled == nil || *e.Enabled) && (!e.TestOnly || testMode)
}

// model is what clients see of an entry.
func (e entry) model(parts repertoire) job.Model {
	m := job.Model{
		ID: e.ID, Name: e.Name, Description: e.Description, Licence: e.Licence, Task: e.Task, Default: e.Default, Simulated: e.Task == "simulated",
		Sizes:    job.Sizes{Min: e.Sizes.Min, Max: e.Sizes.Max, MultipleOf: e.Sizes.MultipleOf, Offered: []job.Size{}},
		Steps:    job.Range[int](e.Steps),
		Guidance: job.Range[float64](e.Guidance),
		Formats:  e.Formats, MaxN: e.MaxN, PromptWords: e.PromptWords, Schedulers: e.Schedulers.names(), Presets: []job.Preset{},
		Defaults:       job.Defaults(e.Defaults),
		SchedulerNames: map[string]string{}, NegativePrompt: e.Task == "simulated" || parts.Pipelines[e.Pipeline].NegativePrompt,
		Vocabulary: append([]string{}, e.Vocabulary...), Examples: append([]string{}, e.Examples...), MemoryMB: e.MemoryMB,
	}
	if e.Scale > 0 {
		m.Scale = &e.Scale
	}
	for _, id := range m.Schedulers {
		m.SchedulerNames[id] = parts.name(id)
	}
	for _, s := range e.Sizes.Offered {
		m.Sizes.Offered = append(m.Sizes.Offered, job.Size(s))
	}
	for _, p := range e.Presets {
		m.Presets = append(m.Presets, job.Preset{ID: p.name, Name: p.value.Name, Template: p.value.Template})
	}
	return m
}
