package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// problem is one bad place in the file. The worker's loader words it alike: contract/examples/catalogue holds both to the same lines.
type problem struct {
	line    int
	key     string // models[ID].sizes.min
	what    string // what is wrong there
	allowed string
}

// report names the file in each line, in the order of the file.
func report(file string, found []problem) error {
	slices.SortFunc(found, func(a, b problem) int {
		return cmp.Or(cmp.Compare(a.line, b.line), strings.Compare(a.key, b.key), strings.Compare(a.what, b.what))
	})
	lines := make([]error, len(found))
	for i, p := range found {
		lines[i] = fmt.Errorf("%s:%d: %s %s; allowed: %s", file, p.line, cmp.Or(p.key, "the file"), p.what, p.allowed)
	}
	return errors.Join(lines...)
}

const shownCharacters = 40

// what says of a value what it is.
func what(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.MappingNode && len(node.Content) == 0, node.Kind == yaml.SequenceNode && len(node.Content) == 0, kindOf(node) == null:
		return "is empty"
	case node.Kind == yaml.MappingNode:
		return "is a mapping"
	case node.Kind == yaml.SequenceNode:
		return "is a list"
	}
	shown := []rune(strings.Join(strings.Fields(node.Value), " "))
	shown = shown[:min(len(shown), shownCharacters)]
	if quoted(node) {
		return `is "` + string(shown) + `"`
	}
	return "is " + string(shown)
}
