package catalog

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// named is a mapping that keeps the order of the file.
type named[T any] []pair[T]

type pair[T any] struct {
	name  string
	value T
}

func (n named[T]) names() []string {
	names := []string{}
	for _, p := range n {
		names = append(names, p.name)
	}
	return names
}

// UnmarshalYAML reads a mapping in order.
func (n *named[T]) UnmarshalYAML(node *yaml.Node) error {
	node = follow(node)
	for i := 0; i+1 < len(node.Content); i += 2 {
		p := pair[T]{name: node.Content[i].Value}
		if err := node.Content[i+1].Decode(&p.value); err != nil {
			return err
		}
		*n = append(*n, p)
	}
	return nil
}

// element is the type of the mapping's values.
func (named[T]) element() reflect.Type { return reflect.TypeFor[T]() }

// problem is one bad place in the file.
type problem struct {
	line    int
	key     string
	message string
}

// check compares the shape of a node with the type it will be decoded into: unknown keys, doubled keys, wrong kinds. The YAML library alone would not name the key.
func check(node *yaml.Node, want reflect.Type, path string) []problem {
	node = follow(node)
	if m, ok := reflect.Zero(want).Interface().(interface{ element() reflect.Type }); ok {
		return checkMapping(node, path, func(string) (reflect.Type, []string) { return m.element(), nil })
	}
	switch want.Kind() {
	case reflect.Pointer:
		return check(node, want.Elem(), path)
	case reflect.Interface:
		return nil
	case reflect.Struct:
		fields := fieldsOf(want)
		return checkMapping(node, path, func(key string) (reflect.Type, []string) {
			i := slices.Index(fields, key)
			if i < 0 {
				return nil, fields
			}
			return want.Field(i).Type, nil
		})
	case reflect.Slice:
		if node.Kind != yaml.SequenceNode {
			return []problem{{node.Line, path, "must be a list"}}
		}
		var found []problem
		for i, item := range node.Content {
			found = append(found, check(item, want.Elem(), fmt.Sprintf("%s[%d]", path, i))...)
		}
		return found
	default:
		if kind := kinds[want.Kind()]; node.Kind != yaml.ScalarNode || !slices.Contains(kind.tags, node.Tag) || node.Decode(reflect.New(want).Interface()) != nil {
			return []problem{{node.Line, path, "must be " + kind.spoken}}
		}
		return nil
	}
}

// kinds are the scalars: what YAML calls them, and what people do. The library would take 1.5 for a whole number.
var kinds = map[reflect.Kind]struct {
	tags   []string
	spoken string
}{
	reflect.Int:     {[]string{"!!int"}, "a whole number"},
	reflect.Float64: {[]string{"!!int", "!!float"}, "a number"},
	reflect.String:  {[]string{"!!str"}, "text"},
	reflect.Bool:    {[]string{"!!bool"}, "true or false"},
}

func checkMapping(node *yaml.Node, path string, typeOf func(key string) (found reflect.Type, allowed []string)) []problem {
	if node.Kind != yaml.MappingNode {
		return []problem{{node.Line, path, "must be a mapping of keys to values"}}
	}
	var found []problem
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		inner := strings.TrimPrefix(path+"."+key.Value, ".")
		want, allowed := typeOf(key.Value)
		switch {
		case seen[key.Value]:
			found = append(found, problem{key.Line, inner, "is given twice"})
		case want == nil:
			found = append(found, problem{key.Line, inner, "is not a key here; allowed: " + strings.Join(allowed, ", ")})
		default:
			found = append(found, check(node.Content[i+1], want, inner)...)
		}
		seen[key.Value] = true
	}
	return found
}

func fieldsOf(t reflect.Type) []string {
	var names []string
	for field := range t.Fields() {
		names = append(names, field.Tag.Get("yaml"))
	}
	return names
}

func follow(node *yaml.Node) *yaml.Node {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}

// lineOf finds the line of a key path such as "steps.max"; the line of the nearest parent when the key is absent.
func lineOf(node *yaml.Node, path string) int {
	node = follow(node)
	line := node.Line
	for word := range strings.SplitSeq(path, ".") {
		key, value := lookUp(node, word)
		if key == nil {
			return line
		}
		line, node = key.Line, follow(value)
	}
	return line
}

func lookUp(node *yaml.Node, word string) (key, value *yaml.Node) {
	for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == word {
			return node.Content[i], node.Content[i+1]
		}
	}
	return nil, nil
}
