// Package catalog reads deploy/models.yaml: the models, their limits, presets and defaults.
package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"

	"darkroom/gateway/internal/job"

	"go.yaml.in/yaml/v3"
)

// Catalog is the models on offer, in the order of the file.
type Catalog struct{ models []job.Model }

// Load reads the file. An error names the file, and each bad line with its key and what is allowed. Models marked test_only are offered in test mode alone.
func Load(path string, testMode bool) (Catalog, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return Catalog{}, fmt.Errorf("MODELS_FILE: %w", err)
	}
	return parse(path, text, testMode)
}

// Models lists every model on offer. The caller may fill in what is known of each right now.
func (c Catalog) Models() []job.Model { return slices.Clone(c.models) }

// Find answers the model with this id, or the default one for "".
func (c Catalog) Find(id string) (job.Model, bool) {
	for _, m := range c.models {
		if m.ID == id || (id == "" && m.Default) {
			return m, true
		}
	}
	return job.Model{}, false
}

func parse(path string, text []byte, testMode bool) (Catalog, error) {
	var root yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&root); err != nil {
		return Catalog{}, fmt.Errorf("%s: %w", path, err)
	}
	type file struct {
		Models []entry `yaml:"models"`
	}
	found := check(root.Content[0], reflect.TypeFor[file](), "")
	if len(found) == 0 {
		var f file
		if err := root.Decode(&f); err != nil {
			return Catalog{}, fmt.Errorf("%s: %w", path, err)
		}
		_, list := lookUp(follow(root.Content[0]), "models")
		c := Catalog{}
		if found = judge(f.Models, list, testMode); len(found) == 0 {
			for _, e := range f.Models {
				if e.offered(testMode) {
					c.models = append(c.models, e.model())
				}
			}
			return c, nil
		}
	}
	var problems []error
	for _, p := range found {
		problems = append(problems, fmt.Errorf("%s:%d: %s %s", path, p.line, p.key, p.message))
	}
	return Catalog{}, errors.Join(problems...)
}

// judge checks the values of entries whose shape is right.
func judge(entries []entry, list *yaml.Node, testMode bool) []problem {
	var found []problem
	ids, defaults := map[string]bool{}, 0
	for i, e := range entries {
		node := list.Content[i]
		for _, r := range e.rules(testMode) {
			if !r.kept {
				found = append(found, problem{lineOf(node, r.key), "models[" + e.ID + "]." + r.key, "is not allowed; allowed: " + r.allowed})
			}
		}
		if ids[e.ID] {
			found = append(found, problem{lineOf(node, "id"), "models[" + e.ID + "].id", "is given twice"})
		}
		ids[e.ID] = true
		if e.Default {
			defaults++
		}
	}
	if defaults != 1 {
		found = append(found, problem{1, "models", fmt.Sprintf("have %d defaults; exactly one entry must say default: true", defaults)})
	}
	return found
}
