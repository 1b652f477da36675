package catalog

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	idForm       = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
	revisionForm = regexp.MustCompile(`^[0-9a-f]{40}$`)

	tasks      = []string{"text_to_image", "upscale", "simulated"}
	pipelines  = []string{"StableDiffusionPipeline", "StableDiffusionXLPipeline", "StableDiffusion3Pipeline", "FluxPipeline", "StableDiffusionUpscalePipeline"}
	dtypes     = []string{"float32", "float16", "bfloat16"}
	schedulers = []string{
		"euler", "euler_karras", "euler_a", "dpm2", "dpm2_karras", "dpm2_a", "dpm2_a_karras", "lms", "lms_karras", "heun", "heun_karras", "ddpm", "ddim",
		"dpmpp_2m", "dpmpp_2m_karras", "dpmpp_sde", "dpmpp_sde_karras", "deis", "deis_karras", "unipc", "unipc_karras", "pndm", "flow_euler", "flow_heun",
	}
	formats = []string{"png", "webp", "jpeg"}
)

// rule is what a value must keep to.
type rule struct {
	key     string
	kept    bool
	allowed string
}

func (e entry) rules(testMode bool) []rule {
	rules := []rule{
		{"id", idForm.MatchString(e.ID), "lower case letters, digits, '.', '_' and '-', at most 64, beginning with a letter or digit"},
		{"name", e.Name != "", "some text"},
		{"licence", e.Licence != "", "some text"},
		{"task", slices.Contains(tasks, e.Task), oneOf(tasks)},
		{"default", !e.Default || !e.TestOnly || testMode, "false for a test_only model"},
		within("sizes.min", e.Sizes.Min, 8, 16384),
		within("sizes.max", e.Sizes.Max, e.Sizes.Min, 16384),
		within("sizes.multiple_of", e.Sizes.MultipleOf, 1, 1024),
		within("steps.min", e.Steps.Min, 1, 1000),
		within("steps.max", e.Steps.Max, e.Steps.Min, 1000),
		{"guidance_scale.min", e.Guidance.Min >= 0 && e.Guidance.Min <= 100, "0 to 100"},
		{"guidance_scale.max", e.Guidance.Max >= e.Guidance.Min && e.Guidance.Max <= 100, "guidance_scale.min to 100"},
		{"schedulers", len(e.Schedulers) > 0, "at least one"},
		{"formats", len(e.Formats) > 0 && allFormats(e.Formats), "a list of " + strings.Join(formats, ", ")},
		within("max_n", e.MaxN, 1, 64),
		within("prompt_words", e.PromptWords, 0, 10_000),
		within("batch_cap", e.BatchCap, 1, 64),
		within("stall_seconds.load", e.StallSeconds.Load, 1, 3600),
		within("stall_seconds.warm_up", e.StallSeconds.WarmUp, 1, 3600),
		within("stall_seconds.first_step", e.StallSeconds.FirstStep, 1, 3600),
		within("stall_seconds.step", e.StallSeconds.Step, 1, 3600),
		within("stall_seconds.decode", e.StallSeconds.Decode, 1, 3600),
		{"presets", len(e.Presets) > 0, "at least one"},
	}
	rules = append(rules, e.taskRules()...)
	for i, s := range e.Sizes.Offered {
		rules = append(rules, rule{"sizes.offered", s.Name != "" && e.fits(s.Width) && e.fits(s.Height), fmt.Sprintf("shape %d needs a name, and a width and height of the sizes allowed", i+1)})
	}
	for _, p := range e.Presets {
		key := "presets." + p.name
		rules = append(rules,
			rule{key, idForm.MatchString(p.name) && p.value.Name != "", "an id, and a name"},
			rule{key + ".template", strings.Count(p.value.Template, "{product}") == 1, "a text with {product} exactly once"})
	}
	return append(rules, e.defaultRules()...)
}

func (e entry) taskRules() []rule {
	if e.Task == "simulated" {
		return []rule{
			within("step_ms", e.StepMS, 0, 60_000),
			{"source", e.Source+e.Repository+e.Revision+e.Pipeline+e.Dtype == "", "no source, repository, revision, pipeline or dtype: nothing is loaded"},
			{"schedulers", slices.Equal(e.Schedulers.names(), []string{"simulated"}), "simulated alone"},
		}
	}
	unknown := slices.DeleteFunc(e.Schedulers.names(), func(name string) bool { return slices.Contains(schedulers, name) })
	return []rule{
		{"source", (e.Source == "") != (e.Repository == ""), "a folder; or repository and revision instead"},
		{"revision", (e.Repository == "") == (e.Revision == "") && (e.Revision == "" || revisionForm.MatchString(e.Revision)), "with repository, a full commit hash of 40 hex characters"},
		{"pipeline", slices.Contains(pipelines, e.Pipeline), oneOf(pipelines)},
		{"dtype", slices.Contains(dtypes, e.Dtype), oneOf(dtypes)},
		{"schedulers", len(unknown) == 0, oneOf(schedulers)},
		{"step_ms", e.StepMS == 0, "for simulated models alone"},
	}
}

func (e entry) defaultRules() []rule {
	d := e.Defaults
	return []rule{
		{"defaults.preset", slices.Contains(e.Presets.names(), d.Preset), oneOf(e.Presets.names())},
		{"defaults.width", e.fits(d.Width), "one of the sizes allowed"},
		{"defaults.height", e.fits(d.Height), "one of the sizes allowed"},
		within("defaults.steps", d.Steps, e.Steps.Min, e.Steps.Max),
		{"defaults.guidance_scale", d.GuidanceScale >= e.Guidance.Min && d.GuidanceScale <= e.Guidance.Max, fmt.Sprintf("%v to %v", e.Guidance.Min, e.Guidance.Max)},
		{"defaults.scheduler", slices.Contains(e.Schedulers.names(), d.Scheduler), oneOf(e.Schedulers.names())},
		{"defaults.format", slices.Contains(e.Formats, d.Format), oneOf(e.Formats)},
		within("defaults.n", d.N, 1, e.MaxN),
	}
}

func (e entry) fits(pixels int) bool {
	return pixels >= e.Sizes.Min && pixels <= e.Sizes.Max && e.Sizes.MultipleOf > 0 && pixels%e.Sizes.MultipleOf == 0
}

func within(key string, value, low, high int) rule {
	return rule{key, value >= low && value <= high, fmt.Sprintf("%d to %d", low, high)}
}

func allFormats(list []string) bool {
	return !slices.ContainsFunc(list, func(f string) bool { return !slices.Contains(formats, f) })
}

func oneOf(words []string) string { return "one of " + strings.Join(words, ", ") }
