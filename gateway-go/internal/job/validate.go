package job

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Decided is a valid request with every setting decided.
type Decided struct {
	Spec            Spec
	SeedDrawn       bool
	Warnings        []string
	DeadlineSeconds int
}

// Validate checks a request against the model it names and fills in what it leaves out. Nothing is clamped.
// Original is what became of the request's image, if it has one. The error is an *Error that names every bad field by its JSON pointer.
func Validate(r Request, m Model, original Original) (Decided, error) {
	v := &validation{model: m}
	spec := Spec{
		Prompt:         v.prompt(r),
		NegativePrompt: v.text("/negative_prompt", r.NegativePrompt),
		Steps:          v.whole("/steps", r.Steps, m.Defaults.Steps, m.Steps),
		GuidanceScale:  v.guidance(r.GuidanceScale),
		Scheduler:      v.scheduler(r.Scheduler),
		N:              v.whole("/n", r.N, m.Defaults.N, Range[int]{1, m.MaxN}),
		Format:         v.choice("/format", r.Format, m.Defaults.Format, m.Formats),
		Batch:          v.batch(r.Batch),
		Image:          r.Image,
	}
	spec.Width, spec.Height = v.size(r, original)
	decided := Decided{DeadlineSeconds: v.deadline(r.DeadlineSeconds)}
	spec.Seed, decided.SeedDrawn = v.seed(r.Seed, spec.N)
	v.metadata(r.Metadata)
	if len(v.fields) > 0 {
		return Decided{}, v.refusal()
	}
	decided.Spec, decided.Warnings = spec, v.warnings(spec)
	return decided, nil
}

type validation struct {
	model   Model
	fields  []FieldError
	tooLong bool
}

func (v *validation) bad(path, format string, values ...any) {
	v.fields = append(v.fields, FieldError{Path: path, Message: fmt.Sprintf(format, values...)})
}

func (v *validation) refusal() *Error {
	if v.tooLong && len(v.fields) == 1 {
		return &Error{Code: PromptTooLong, Message: "The words are too long. Nothing was submitted.", Fields: v.fields}
	}
	return &Error{Code: InvalidRequest, Message: "The request has a value that cannot be used. Nothing was submitted.", Fields: v.fields}
}

func (v *validation) prompt(r Request) string {
	switch {
	case r.Prompt != nil && r.Product != nil:
		v.bad("/product", "Send prompt, or product with a preset, not both.")
	case r.Prompt != nil && r.Preset != nil:
		v.bad("/preset", "A preset goes with product, not with prompt.")
	case r.Prompt != nil:
		return v.words("/prompt", *r.Prompt)
	case r.Product == nil:
		v.bad("/prompt", "Say what to make: prompt, or product with a preset.")
	default:
		return v.fromProduct(*r.Product, r.Preset)
	}
	return ""
}

func (v *validation) fromProduct(product string, preset *string) string {
	words := v.words("/product", product)
	names := make([]string, len(v.model.Presets))
	for i, p := range v.model.Presets {
		names[i] = p.ID
	}
	chosen := v.choice("/preset", preset, v.model.Defaults.Preset, names)
	i := slices.Index(names, chosen)
	if i < 0 {
		return ""
	}
	return v.text("/product", new(strings.ReplaceAll(v.model.Presets[i].Template, "{product}", words)))
}

// words must say something; text may be empty.
func (v *validation) words(path, text string) string {
	if strings.TrimSpace(text) == "" {
		v.bad(path, "Must not be empty.")
		return ""
	}
	return v.text(path, &text)
}

func (v *validation) text(path string, text *string) string {
	switch {
	case text == nil:
		return ""
	case !utf8.ValidString(*text):
		v.bad(path, "Must be valid Unicode text.")
	case strings.ContainsRune(*text, 0):
		v.bad(path, "Must not contain a NUL character.")
	case utf8.RuneCountInString(*text) > MaxPromptCharacters:
		v.tooLong = true
		v.bad(path, "At most %d characters, a preset's own words included.", MaxPromptCharacters)
	default:
		return *text
	}
	return ""
}

func (v *validation) whole(path string, value *int, fallback int, allowed Range[int]) int {
	if value == nil {
		return fallback
	}
	if *value < allowed.Min || *value > allowed.Max {
		v.bad(path, "%s", v.between(allowed.Min, allowed.Max))
	}
	return *value
}

func (v *validation) between(low, high any) string {
	if low == high {
		return fmt.Sprintf("Must be %v for %s.", low, v.model.Name)
	}
	return fmt.Sprintf("Between %v and %v for %s.", low, high, v.model.Name)
}

func (v *validation) size(r Request, original Original) (width, height int) {
	if v.model.Scale != nil {
		return v.enlarged(r, original)
	}
	if r.Image != nil {
		v.bad("/image", "%s draws from words alone. Leave it out.", v.model.Name)
	}
	return v.side("/width", r.Width, v.model.Defaults.Width), v.side("/height", r.Height, v.model.Defaults.Height)
}

func (v *validation) side(path string, value *int, fallback int) int {
	sizes, before := v.model.Sizes, len(v.fields)
	pixels := v.whole(path, value, fallback, Range[int]{sizes.Min, sizes.Max})
	if len(v.fields) == before && pixels%sizes.MultipleOf != 0 {
		v.bad(path, "A multiple of %d for %s.", sizes.MultipleOf, v.model.Name)
	}
	return pixels
}

func (v *validation) guidance(value *float64) float64 {
	if value == nil {
		return v.model.Defaults.GuidanceScale
	}
	allowed := v.model.Guidance
	if math.IsNaN(*value) || *value < allowed.Min || *value > allowed.Max {
		v.bad("/guidance_scale", "%s", v.between(allowed.Min, allowed.Max))
	}
	return *value
}

func (v *validation) scheduler(value *string) string {
	m := v.model
	if value == nil || slices.Contains(m.Schedulers, *value) {
		return v.choice("/scheduler", value, m.Defaults.Scheduler, m.Schedulers)
	}
	allowed := make([]string, len(m.Schedulers))
	for i, id := range m.Schedulers {
		allowed[i] = fmt.Sprintf("%s (%s)", id, m.SchedulerNames[id])
	}
	v.bad("/scheduler", "One of %s for %s.", strings.Join(allowed, ", "), m.Name)
	return ""
}

func (v *validation) batch(value *int) int {
	if value == nil {
		return 0
	}
	if *value != 1 {
		v.bad("/batch", "Only 1, which draws it alone, for an exact reproduction. Leave it out otherwise.")
	}
	return *value
}

func (v *validation) choice(path string, value *string, fallback string, allowed []string) string {
	if value == nil {
		return fallback
	}
	if !slices.Contains(allowed, *value) {
		v.bad(path, "One of %s for %s.", strings.Join(allowed, ", "), v.model.Name)
	}
	return *value
}

// Image i uses seed + i, so the last one must fit too.
func (v *validation) seed(value *int64, n int) (seed int64, drawn bool) {
	highest := int64(MaxSeed - max(n, 1) + 1)
	if value == nil {
		return draw(highest), true
	}
	if *value < 0 || *value > MaxSeed {
		v.bad("/seed", "Between 0 and %d.", int64(MaxSeed))
	} else if *value > highest {
		v.bad("/seed", "At most %d for %d images: image i uses seed + i.", highest, n)
	}
	return *value, false
}

func draw(highest int64) int64 {
	var random [8]byte
	_, _ = rand.Read(random[:])                                                       // never fails, by its documentation
	return int64(binary.BigEndian.Uint64(random[:]) >> 1 % uint64(max(highest, 1)+1)) //nolint:gosec // below 2^32
}

func (v *validation) deadline(value *int) int {
	if value == nil {
		return DefaultDeadline
	}
	if *value < 1 || *value > MaxDeadline {
		v.bad("/deadline_seconds", "Between 1 and %d.", MaxDeadline)
	}
	return *value
}

func (v *validation) metadata(pairs map[string]string) {
	if len(pairs) > MaxMetadataPairs {
		v.bad("/metadata", "At most %d pairs.", MaxMetadataPairs)
		return
	}
	for name, value := range pairs {
		path := "/metadata/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		switch {
		case name == "" || utf8.RuneCountInString(name) > MaxMetadataName:
			v.bad("/metadata", "Each name has 1 to %d characters.", MaxMetadataName)
		case utf8.RuneCountInString(value) > MaxMetadataValue:
			v.bad(path, "At most %d characters.", MaxMetadataValue)
		case !utf8.ValidString(name+value) || strings.ContainsRune(name+value, 0):
			v.bad(path, "Must be valid Unicode text without NUL characters.")
		}
	}
}

func (v *validation) warnings(spec Spec) []string {
	warnings := []string{}
	if limit := v.model.PromptWords; limit > 0 && len(strings.Fields(spec.Prompt)) > limit {
		warnings = append(warnings, fmt.Sprintf("%s reads about the first %d words; the rest of the prompt has little or no effect.", v.model.Name, limit))
	}
	if unknown := v.model.unknownWords(spec.Prompt); len(unknown) > 0 {
		warnings = append(warnings, fmt.Sprintf("%s does not know %s; its picture will show what it does know.", v.model.Name, enumerate(unknown)))
	}
	if spec.NegativePrompt != "" && !v.model.NegativePrompt {
		warnings = append(warnings, v.model.Name+" takes no negative prompt; it has no effect.")
	} else if spec.NegativePrompt != "" && spec.GuidanceScale <= 1 {
		warnings = append(warnings, "A negative prompt has no effect at guidance_scale 1.")
	}
	if v.model.Simulated {
		warnings = append(warnings, "This model only simulates: its picture is a labelled test card.")
	}
	return warnings
}
