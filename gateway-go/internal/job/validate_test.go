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
		Schedulers: []string{"ddim"}, Formats: []string{"png", "webp"}, MaxN: 4, PromptWords: 5,
		Presets:  []Preset{{ID: "studio", Template: "a photo of {product}, lit"}, {ID: "none", Template: "{product}"}},
		Defaults: Defaults{Preset: "studio", Width: 128, Height: 128, Steps: 20, GuidanceScale: 3, Scheduler: "ddim", Format: "png", N: 1},
	}
}

func TestWhatARequestLeavesOutIsDecidedAndShown(t *testing.T) {
	d, err := Validate(Request{Product: new("a green bottle")}, studio())
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
		"format":             {Request{Prompt: &words, Format: new("gif")}, "/format"},
		"deadline 0":         {Request{Prompt: &words, DeadlineSeconds: new(0)}, "/deadline_seconds"},
		"deadline 65536":     {Request{Prompt: &words, DeadlineSeconds: new(65536)}, "/deadline_seconds"},
		"metadata value":     {Request{Prompt: &words, Metadata: map[string]string{"a/b": strings.Repeat("x", 1025)}}, "/metadata/a~1b"},
		"metadata name":      {Request{Prompt: &words, Metadata: map[string]string{"": "x"}}, "/metadata"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Validate(c.request, studio())
			var refusal *Error
			if !errors.As(err, &refusal) || refusal.Code != InvalidRequest || len(refusal.Fields) != 1 || refusal.Fields[0].Path != c.path {
				t.Fatalf("got %v, want one field %s", err, c.path)
			}
		})
	}
}

func TestALongPromptHasItsOwnCodeAndLengthCountsCharacters(t *testing.T) {
	fits, long := strings.Repeat("é", MaxPromptCharacters), strings.Repeat("é", MaxPromptCharacters+1)
	if _, err := Validate(Request{Prompt: &fits}, studio()); err != nil {
		t.Fatal(err)
	}
	for _, request := range []Request{{Prompt: &long}, {Product: &fits}} { // the template makes it too long
		_, err := Validate(request, studio())
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
	if _, err := Validate(Request{Prompt: new("a mug"), Metadata: pairs}, studio()); err == nil {
		t.Fatal("accepted")
	}
}

func TestAWarningSaysWhatWillHaveNoEffect(t *testing.T) {
	d, err := Validate(Request{Prompt: new("one two three four five six"), NegativePrompt: new("blur"), GuidanceScale: new(1.0), Seed: new(int64(MaxSeed))}, studio())
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
