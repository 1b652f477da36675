package job

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func studio() Model {
	return Model{
		ID: "pocket-studio", Name: "Pocket Studio", Task: "text_to_image",
		Sizes: Sizes{Min: 64, Max: 256, MultipleOf: 8}, Steps: Range[int]{1, 50}, Guidance: Range[float64]{1, 15},
		Schedulers: []string{"ddim", "dpmpp_2m"}, SchedulerNames: map[string]string{"ddim": "DDIM", "dpmpp_2m": "DPM++ 2M"}, NegativePrompt: true, Formats: []string{"png", "webp"}, MaxN: 4, PromptWords: 5,
		Presets:  []Preset{{ID: "studio", Template: "a photo of {product}, lit"}, {ID: "none", Template: "{product}"}},
		Defaults: Defaults{Preset: "studio", Width: 128, Height: 128, Steps: 20, GuidanceScale: 3, Scheduler: "ddim", Format: "png", N: 1},
	}
}

func TestWhatARequestLeavesOutIsDecidedAndShown(t *testing.T) {
	d, err := Validate(Request{Product: new("a green bottle")}, studio(), Original{})
	if err != nil {
		t.Fatal(err)
	}
	seed := d.Spec.Seed
	d.Spec.Seed = 0
	if want := (Spec{Prompt: "a photo of a green bottle, lit", Width: 128, Height: 128, Steps: 20, GuidanceScale: 3, Scheduler: "ddim", N: 1, Format: "png"}); d.Spec != want {
		t.Errorf("got %+v, want %+v", d.Spec, want)
	}
	if !d.SeedDrawn || seed < 0 || seed > MaxSeed || d.DeadlineSeconds != 900 {
		t.Errorf("seed %d drawn %v, deadline %d", seed, d.SeedDrawn, d.DeadlineSeconds)
	}
}

func TestEveryBadValueIsNamedByItsField(t *testing.T) {
	words := "a mug"
	for name, c := range map[string]struct {
		request Request
		path    string
	}{
		"nothing":            {Request{}, "/prompt"},
		"prompt and product": {Request{Prompt: &words, Product: &words}, "/product"},
		"prompt and preset":  {Request{Prompt: &words, Preset: new("studio")}, "/preset"},
		"blank":              {Request{Prompt: new(" \n")}, "/prompt"},
		"NUL":                {Request{Prompt: new("a\x00b")}, "/prompt"},
		"lone surrogate":     {Request{Prompt: new("a\xed\xa0\x80b")}, "/prompt"},
		"negative NUL":       {Request{Prompt: &words, NegativePrompt: new("\x00")}, "/negative_prompt"},
		"preset":             {Request{Product: &words, Preset: new("dream")}, "/preset"},
		"width 0":            {Request{Prompt: &words, Width: new(0)}, "/width"},
		"width -8":           {Request{Prompt: &words, Width: new(-8)}, "/width"},
		"width 65":           {Request{Prompt: &words, Width: new(65)}, "/width"},
		"height 2^31":        {Request{Prompt: &words, Height: new(1 << 31)}, "/height"},
		"steps 0":            {Request{Prompt: &words, Steps: new(0)}, "/steps"},
		"steps 10^9":         {Request{Prompt: &words, Steps: new(1_000_000_000)}, "/steps"},
		"n 10^6":             {Request{Prompt: &words, N: new(1_000_000)}, "/n"},
		"n 0":                {Request{Prompt: &words, N: new(0)}, "/n"},
		"seed -1":            {Request{Prompt: &words, Seed: new(int64(-1))}, "/seed"},
		"seed 2^32":          {Request{Prompt: &words, Seed: new(int64(1 << 32))}, "/seed"},
		"last seed too high": {Request{Prompt: &words, Seed: new(int64(MaxSeed)), N: new(2)}, "/seed"},
		"guidance NaN":       {Request{Prompt: &words, GuidanceScale: new(math.NaN())}, "/guidance_scale"},
		"guidance inf":       {Request{Prompt: &words, GuidanceScale: new(math.Inf(1))}, "/guidance_scale"},
		"guidance low":       {Request{Prompt: &words, GuidanceScale: new(0.99)}, "/guidance_scale"},
		"scheduler":          {Request{Prompt: &words, Scheduler: new("magic")}, "/scheduler"},
		"batch 2":            {Request{Prompt: &words, Batch: new(2)}, "/batch"},
		"batch 0":            {Request{Prompt: &words, Batch: new(0)}, "/batch"},
		"image":              {Request{Prompt: &words, Image: &Source{}}, "/image"},
		"format":             {Request{Prompt: &words, Format: new("gif")}, "/format"},
		"deadline 0":         {Request{Prompt: &words, DeadlineSeconds: new(0)}, "/deadline_seconds"},
		"deadline 65536":     {Request{Prompt: &words, DeadlineSeconds: new(65536)}, "/deadline_seconds"},
		"metadata value":     {Request{Prompt: &words, Metadata: map[string]string{"a/b": strings.Repeat("x", 1025)}}, "/metadata/a~1b"},
		"metadata name":      {Request{Prompt: &words, Metadata: map[string]string{"": "x"}}, "/metadata"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Validate(c.request, studio(), Original{})
			var refusal *Error
			if !errors.As(err, &refusal) || refusal.Code != InvalidRequest || len(refusal.Fields) != 1 || refusal.Fields[0].Path != c.path {
				t.Fatalf("got %v, want one field %s", err, c.path)
			}
		})
	}
}

func TestAnUnfitSchedulerIsAnsweredWithTheListOfThoseThatFit(t *testing.T) {
	for _, asked := range []string{"euler", "", "DDIM"} {
		_, err := Validate(Request{Prompt: new("a mug"), Scheduler: &asked}, studio(), Original{})
		var refusal *Error
		if !errors.As(err, &refusal) || len(refusal.Fields) != 1 || refusal.Fields[0] != (FieldError{"/scheduler", "One of ddim (DDIM), dpmpp_2m (DPM++ 2M) for Pocket Studio."}) {
			t.Errorf("%q: %v", asked, err)
		}
	}
}

func TestABatchOfOneIsDrawnAlone(t *testing.T) {
	d, err := Validate(Request{Prompt: new("a mug"), Batch: new(1)}, studio(), Original{})
	if err != nil || d.Spec.Batch != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
}

func upscaler() Model {
	m := studio()
	m.Name, m.Task, m.Scale, m.Sizes = "Upscaler", "upscale", new(4), Sizes{Min: 128, Max: 1024, MultipleOf: 32}
	return m
}

func TestAnUpscaleIsAsLargeAsItsPictureTimesTheScale(t *testing.T) {
	request := Request{Prompt: new("a mug"), Image: &Source{Job: "id", Index: 1}, Width: new(512)}
	d, err := Validate(request, upscaler(), Original{Width: 128, Height: 64})
	if err != nil || d.Spec.Width != 512 || d.Spec.Height != 256 || d.Spec.Image == nil || *d.Spec.Image != (Source{"id", 1}) {
		t.Fatalf("%+v, %v", d, err)
	}
	for name, c := range map[string]struct {
		request  Request
		original Original
		want     FieldError
	}{
		"no image":     {Request{Prompt: new("a mug")}, Original{}, FieldError{"/image", "Say which finished picture of yours Upscaler begins with: its job, and its index."}},
		"a bad image":  {request, Original{Problem: &FieldError{"/image/index", "Between 0 and 1 for this job."}}, FieldError{"/image/index", "Between 0 and 1 for this job."}},
		"too large":    {request, Original{Width: 512, Height: 256}, FieldError{"/image", "The picture has 512 x 256 pixels, and Upscaler would make 2048 x 1024 of it; each must be a multiple of 32 between 128 and 1024."}},
		"odd":          {request, Original{Width: 100, Height: 128}, FieldError{"/image", "The picture has 100 x 128 pixels, and Upscaler would make 400 x 512 of it; each must be a multiple of 32 between 128 and 1024."}},
		"another size": {request, Original{Width: 64, Height: 64}, FieldError{"/width", "Leave it out: 256 comes out, the picture's times 4."}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Validate(c.request, upscaler(), c.original)
			var refusal *Error
			if !errors.As(err, &refusal) || refusal.Code != InvalidRequest || len(refusal.Fields) != 1 || refusal.Fields[0] != c.want {
				t.Fatalf("got %v, want %+v", err, c.want)
			}
		})
	}
}

func TestWordsThatAModelDoesNotKnowAreNamed(t *testing.T) {
	m := studio()
	m.PromptWords, m.Vocabulary = 0, []string{"mug", "red", "4", "花瓶"}
	for prompt, want := range map[string]string{
		"a red mug":                            "",
		"RED Mug, on the mug's own 花瓶; 4":      "", // another case, an apostrophe, little words
		"a photo of a red mug, lit":            "", // a preset's own words
		"a red cat and a Red CAT":              "Pocket Studio does not know “cat”; its picture will show what it does know.",
		"mugs redden":                          "Pocket Studio does not know “mugs”, “redden”; its picture will show what it does know.",
		"a café in Кракóв, don't":              "Pocket Studio does not know “café”, “Кракóв”, “don't”; its picture will show what it does know.",
		"one two three five six seven eight 4": "Pocket Studio does not know “one”, “two”, “three”, “five”, “six” and 2 more words; its picture will show what it does know.",
		"!?! ... 🙂":                            "",
	} {
		d, err := Validate(Request{Prompt: &prompt}, m, Original{})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(d.Warnings, "|"); got != want {
			t.Errorf("%q: %q, want %q", prompt, got, want)
		}
	}
	m.Vocabulary = nil
	if d, err := Validate(Request{Prompt: new("anything goes")}, m, Original{}); err != nil || len(d.Warnings) != 0 {
		t.Errorf("without a vocabulary: %+v, %v", d, err)
	}
}

func TestANegativePromptThatAModelCannotReadIsTold(t *testing.T) {
	m := studio()
	m.NegativePrompt = false
	d, err := Validate(Request{Prompt: new("a mug"), NegativePrompt: new("blur")}, m, Original{})
	if err != nil || len(d.Warnings) != 1 || !strings.Contains(d.Warnings[0], "takes no negative prompt") {
		t.Fatalf("%+v, %v", d, err)
	}
}

func TestALongPromptHasItsOwnCodeAndLengthCountsCharacters(t *testing.T) {
	fits, long := strings.Repeat("é", MaxPromptCharacters), strings.Repeat("é", MaxPromptCharacters+1)
	if _, err := Validate(Request{Prompt: &fits}, studio(), Original{}); err != nil {
		t.Fatal(err)
	}
	for _, request := range []Request{{Prompt: &long}, {Product: &fits}} { // the template makes it too long
		_, err := Validate(request, studio(), Original{})
		var refusal *Error
		if !errors.As(err, &refusal) || refusal.Code != PromptTooLong || len(refusal.Fields) != 1 {
			t.Fatalf("got %v", err)
		}
	}
}

func TestTooManyMetadataPairsAreRefused(t *testing.T) {
	pairs := map[string]string{}
	for i := range MaxMetadataPairs + 1 {
		pairs[strings.Repeat("x", i+1)] = "y"
	}
	if _, err := Validate(Request{Prompt: new("a mug"), Metadata: pairs}, studio(), Original{}); err == nil {
		t.Fatal("accepted")
	}
}

func TestAWarningSaysWhatWillHaveNoEffect(t *testing.T) {
	d, err := Validate(Request{Prompt: new("one two three four five six"), NegativePrompt: new("blur"), GuidanceScale: new(1.0), Seed: new(int64(MaxSeed))}, studio(), Original{})
	if err != nil || len(d.Warnings) != 2 || d.SeedDrawn || d.Spec.Seed != MaxSeed {
		t.Fatalf("%+v, %v", d, err)
	}
}

func TestTheSameSettingsHaveTheSameHashHoweverTheyWereSpelled(t *testing.T) {
	a := Request{Prompt: new("a mug"), Metadata: map[string]string{"a": "1", "b": "2"}}
	b := Request{Prompt: new("a mug"), Metadata: map[string]string{"b": "2", "a": "1"}}
	if a.Hash() != b.Hash() {
		t.Error("the order of metadata changed the hash")
	}
	b.N = new(1)
	if a.Hash() == b.Hash() {
		t.Error("another body has the same hash")
	}
	if input := a.Input(); len(input) != 1 || input["prompt"] != "a mug" {
		t.Errorf("input is %v", input)
	}
}
