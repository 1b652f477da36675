package catalog

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// find walks a path such as "sizes.offered[1].width". It answers the value, nil when there is none, and the line of the last key on the way that is there.
func find(node *yaml.Node, path string) (value *yaml.Node, line int) {
	value, line = follow(node), node.Line
	for word := range strings.SplitSeq(strings.ReplaceAll(path, "[", ".["), ".") {
		next, at := step(value, word)
		if next == nil {
			return nil, line
		}
		value, line = follow(next), at
	}
	return value, line
}

func step(node *yaml.Node, word string) (next *yaml.Node, line int) {
	if index, isItem := strings.CutPrefix(word, "["); isItem {
		i, _ := strconv.Atoi(strings.TrimSuffix(index, "]")) // paths are made in this package
		if node.Kind == yaml.SequenceNode && i < len(node.Content) {
			return node.Content[i], node.Content[i].Line
		}
		return nil, 0
	}
	for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == word {
			return node.Content[i+1], node.Content[i].Line
		}
	}
	return nil, 0
}

// sound copies a node without the keys and items that are bad: the rest can be decoded.
func sound(node *yaml.Node, path string, bad map[string]bool) *yaml.Node {
	node = follow(node)
	whole := yaml.Node{Kind: node.Kind, Value: node.Value, Style: node.Style &^ yaml.TaggedStyle, Line: node.Line} // its letters count, a tag such as !!str does not
	for i, child := range node.Content {
		inner := label(path, child, i)
		if node.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue
			}
			inner = path + "." + node.Content[i-1].Value
		}
		if bad[inner] {
			if node.Kind == yaml.SequenceNode { // the others keep their index
				whole.Content = append(whole.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"})
			}
			continue
		}
		if node.Kind == yaml.MappingNode {
			whole.Content = append(whole.Content, node.Content[i-1])
		}
		whole.Content = append(whole.Content, sound(child, inner, bad))
	}
	return &whole
}

// label names a model by its id, where it has one, and any other item of a list by its index.
func label(list string, item *yaml.Node, index int) string {
	if id, _ := find(item, "id"); list == "models" && id != nil && forms["id"].kept.MatchString(id.Value) {
		return list + "[" + id.Value + "]"
	}
	return fmt.Sprintf("%s[%d]", list, index)
}

func follow(node *yaml.Node) *yaml.Node {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}
