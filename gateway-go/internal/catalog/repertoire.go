package catalog

import (
	"encoding/json"
	"fmt"
	"slices"

	"darkroom/contract"
)

// repertoire is what the engine can draw with, by contract/engine.json.
type repertoire struct {
	Samplers []struct {
		ID     string `json:"id"`
		Name   string `json:"name"` // as people know it: DPM++ 2M Karras
		Family string `json:"family"`
	} `json:"samplers"`
	Pipelines map[string]pipeline `json:"pipelines"`
}

// pipeline is what a class can do.
type pipeline struct {
	Task           string `json:"task"`
	Family         string `json:"family"` // of samplers that fit it
	NegativePrompt bool   `json:"negative_prompt"`
	LongPrompts    bool   `json:"long_prompts"`
}

func readRepertoire() (repertoire, error) {
	text, err := contract.Files.ReadFile("engine.json")
	if err != nil {
		return repertoire{}, err
	}
	var r repertoire
	if err := json.Unmarshal(text, &r); err != nil {
		return repertoire{}, fmt.Errorf("contract/engine.json: %w", err)
	}
	return r, nil
}

// classes of a task, sorted.
func (r repertoire) classes(task string) []string {
	var names []string
	for name, p := range r.Pipelines {
		if p.Task == task {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// samplers of a family, in the order of the file.
func (r repertoire) samplers(family string) []string {
	var ids []string
	for _, s := range r.Samplers {
		if s.Family == family {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// name of a sampler; a simulated model has one that stands in no list.
func (r repertoire) name(sampler string) string {
	for _, s := range r.Samplers {
		if s.ID == sampler {
			return s.Name
		}
	}
	return "Simulated"
}
