package catalog

import (
	"fmt"
	"slices"
	"strings"
)

// rule is what a value must keep to beside others. It is not judged where one of the values that it rests on is bad itself.
type rule struct {
	key     string
	rests   []string
	kept    bool
	what    string // what is wrong; "" = what the value is
	allowed string
}

// judge checks the values of entries against each other.
func judge(entries []written, line int, parts repertoire, bad []problem, testMode bool) []problem {
	var found []problem
	for i, e := range entries {
		for _, r := range e.rules(parts) {
			if !r.kept && !slices.ContainsFunc(append(r.rests, r.key), func(key string) bool { return isBad(bad, e.path+"."+key) }) {
				found = append(found, e.problem(r))
				bad = append(bad, found[len(found)-1]) // what rests on it says nothing new
			}
		}
		if slices.ContainsFunc(entries[:i], func(other written) bool { return other.ID == e.ID && e.ID != "" }) {
			found = append(found, e.problem(rule{key: "id", what: "is given twice", allowed: "an id of its own"}))
		}
	}
	return append(found, countDefaults(entries, line, bad, testMode)...)
}

// countDefaults says nothing where the count is not known.
func countDefaults(entries []written, line int, bad []problem, testMode bool) []problem {
	for _, p := range bad {
		key := p.key[strings.LastIndex(p.key, "]")+1:]
		if slices.Contains([]string{"", "models", ".default", ".enabled", ".test_only"}, key) {
			return nil
		}
	}
	count := 0
	for _, e := range entries {
		if e.Default && e.offered(testMode) {
			count++
		}
	}
	if count == 1 {
		return nil
	}
	return []problem{{line, "models", fmt.Sprintf("have %d defaults", count), "one entry with default: true, enabled, and outside test mode not test_only"}}
}

// isBad tells whether something is wrong with a key, in it, or above it.
func isBad(bad []problem, key string) bool {
	inside := func(inner, outer string) bool {
		return inner == outer || strings.HasPrefix(inner, outer+".") || strings.HasPrefix(inner, outer+"[")
	}
	return slices.ContainsFunc(bad, func(p problem) bool { return inside(p.key, key) || inside(key, p.key) })
}

func (e written) problem(r rule) problem {
	value, line := find(e.node, r.key)
	switch {
	case r.what != "":
	case value == nil:
		r.what = "is missing"
	default:
		r.what = what(value)
	}
	return problem{line, e.path + "." + r.key, r.what, r.allowed}
}

func (e written) given(key string) bool {
	value, _ := find(e.node, key)
	return value != nil
}

func (e written) rules(parts repertoire) []rule {
	size := []string{"sizes.min", "sizes.max", "sizes.multiple_of"}
	pixels := fmt.Sprintf("a multiple of %d, %d to %d", e.Sizes.MultipleOf, e.Sizes.Min, e.Sizes.Max)
	rules := []rule{
		{"sizes.max", []string{"sizes.min"}, e.Sizes.Max >= e.Sizes.Min, "", fmt.Sprintf("a whole number, %d to 16384", e.Sizes.Min)},
		{"steps.max", []string{"steps.min"}, e.Steps.Max >= e.Steps.Min, "", fmt.Sprintf("a whole number, %d to 1000", e.Steps.Min)},
		{"guidance_scale.max", []string{"guidance_scale.min"}, e.Guidance.Max >= e.Guidance.Min, "", fmt.Sprintf("a number, %s to 100", decimal(e.Guidance.Min))},
	}
	for i, s := range e.Sizes.Offered {
		at := fmt.Sprintf("sizes.offered[%d].", i)
		rules = append(rules,
			rule{at + "width", size, e.fits(s.Width), "", pixels},
			rule{at + "height", size, e.fits(s.Height), "", pixels})
	}
	for i, pair := range e.Speed.WarmUp {
		rules = append(rules, rule{fmt.Sprintf("speed.warm_up[%d]", i), size, len(pair) == 2 && e.fits(pair[0]) && e.fits(pair[1]), "", "width and height, each " + pixels})
	}
	rules = append(rules, e.defaultRules(size, pixels)...)
	if e.Task == "simulated" {
		return append(rules, e.simulatedRules()...)
	}
	return append(rules, e.loadedRules(parts)...)
}

func (e written) defaultRules(size []string, pixels string) []rule {
	d, none := e.Defaults, fmt.Sprintf("a whole number, %d to %d", e.Steps.Min, e.Steps.Max)
	return []rule{
		{"defaults.preset", []string{"presets"}, slices.Contains(e.Presets.names(), d.Preset), "", oneOf(e.Presets.names())},
		{"defaults.width", size, e.fits(d.Width), "", pixels},
		{"defaults.height", size, e.fits(d.Height), "", pixels},
		{"defaults.steps", []string{"steps"}, d.Steps >= e.Steps.Min && d.Steps <= e.Steps.Max, "", none},
		{
			"defaults.guidance_scale", []string{"guidance_scale"}, d.GuidanceScale >= e.Guidance.Min && d.GuidanceScale <= e.Guidance.Max, "",
			fmt.Sprintf("a number, %s to %s", decimal(e.Guidance.Min), decimal(e.Guidance.Max)),
		},
		{"defaults.scheduler", []string{"schedulers"}, slices.Contains(e.Schedulers.names(), d.Scheduler), "", oneOf(e.Schedulers.names())},
		{"defaults.format", []string{"formats"}, slices.Contains(e.Formats, d.Format), "", oneOf(e.Formats)},
		{"defaults.n", []string{"max_n"}, d.N <= e.MaxN, "", fmt.Sprintf("a whole number, 1 to %d", e.MaxN)},
	}
}

// loads are the keys that say what is loaded, and how.
var loads = []string{"source", "repository", "revision", "pipeline", "dtype", "device", "speed", "golden", "long_prompts", "scale"}

func (e written) simulatedRules() []rule {
	var rules []rule
	for _, key := range loads {
		rules = append(rules, rule{key, []string{"task"}, !e.given(key), "is given", "nothing (a simulated model loads none)"})
	}
	for _, name := range e.Schedulers.names() {
		rules = append(rules, rule{"schedulers." + name, []string{"task"}, name == "simulated", "is no sampler of a simulated model", "simulated"})
	}
	return rules
}

func (e written) loadedRules(parts repertoire) []rule {
	task, origin := []string{"task"}, []string{"task", "repository"}
	rules := []rule{
		{"source", origin, e.given("source") || e.given("repository"), "", "a folder; or repository and revision instead"},
		{"source", origin, !e.given("source") || !e.given("repository"), "is given beside repository", "one of the two"},
		{"revision", origin, e.given("revision") || !e.given("repository"), "", forms["revision"].allowed},
		{"revision", origin, !e.given("revision") || e.given("repository"), "is given without repository", "both, or neither"},
		{"dtype", task, e.given("dtype"), "", "one of float32, float16, bfloat16"},
		{"memory_mb", task, e.given("memory_mb"), "", "a whole number, 1 to 1048576"},
		{"scale", task, e.given("scale") || e.Task != "upscale", "", "a whole number, 2 to 8"},
		{"scale", task, !e.given("scale") || e.Task == "upscale", "is given", "nothing (it is for the task upscale)"},
		{"step_ms", task, !e.given("step_ms"), "is given", "nothing (it is for the task simulated)"},
	}
	classes := parts.classes(e.Task)
	rules = append(rules, rule{"pipeline", task, slices.Contains(classes, e.Pipeline), "", oneOf(classes)})
	if class, known := parts.Pipelines[e.Pipeline]; known {
		rules = append(rules, rule{"long_prompts", []string{"pipeline"}, !e.LongPrompts || class.LongPrompts, "", "false for " + e.Pipeline})
		samplers := parts.samplers(class.Family)
		for _, name := range e.Schedulers.names() {
			rules = append(rules, rule{"schedulers." + name, []string{"task", "pipeline"}, slices.Contains(samplers, name), "is no sampler of " + e.Pipeline, strings.Join(samplers, ", ")})
		}
	}
	return rules
}

func (e entry) fits(pixels int) bool {
	return pixels >= e.Sizes.Min && pixels <= e.Sizes.Max && e.Sizes.MultipleOf > 0 && pixels%e.Sizes.MultipleOf == 0
}
