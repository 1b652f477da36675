// Package catalog reads deploy/models.yaml: the models, their limits, presets and defaults.
package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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

// written is an entry with its place in the file.
type written struct {
	entry
	node *yaml.Node
	path string // models[ID]
	err  error  // of decoding it
}

// entriesOf decodes what can be decoded; `check` has told what cannot.
func entriesOf(list *yaml.Node, found []problem) []written {
	if list == nil || list.Kind != yaml.SequenceNode {
		return nil
	}
	bad := map[string]bool{}
	for _, p := range found {
		bad[p.key] = true
	}
	entries := make([]written, len(list.Content))
	for i, node := range list.Content {
		entries[i] = written{node: follow(node), path: label("models", node, i)}
		if !bad[entries[i].path] {
			entries[i].err = sound(node, entries[i].path, bad).Decode(&entries[i].entry)
		}
	}
	return entries
}

func parse(path string, text []byte, testMode bool) (Catalog, error) {
	parts, err := readRepertoire()
	if err != nil {
		return Catalog{}, err
	}
	var root yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&root); err != nil && !errors.Is(err, io.EOF) {
		return Catalog{}, fmt.Errorf("%s: cannot be read: %w", path, err)
	}
	if !errors.Is(decoder.Decode(&yaml.Node{}), io.EOF) {
		return Catalog{}, fmt.Errorf("%s: cannot be read: more than one document", path)
	}
	if len(root.Content) == 0 {
		root.Content = []*yaml.Node{{Kind: yaml.ScalarNode, Tag: "!!null", Line: 1}}
	}
	found := check(root.Content[0], reflect.TypeFor[file](), place{line: 1})
	list, line := find(root.Content[0], "models")
	entries := entriesOf(list, found)
	found = append(found, judge(entries, line, parts, found, testMode)...)
	if len(found) > 0 {
		return Catalog{}, report(path, found)
	}
	var c Catalog
	for _, e := range entries {
		if e.err != nil {
			return Catalog{}, fmt.Errorf("%s: cannot be read: %w", path, e.err)
		}
		if e.offered(testMode) {
			c.models = append(c.models, e.model(parts))
		}
	}
	return c, nil
}
