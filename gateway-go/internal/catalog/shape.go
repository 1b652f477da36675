package catalog

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The kinds of a plain scalar. They are told by its letters alone, because the YAML libraries of the two languages differ over yes, 1e3, 010 and dates.
const (
	text   = "text"
	whole  = "whole number"
	number = "number"
	flag   = "true or false"
	null   = "null"
)

var (
	wholeForm  = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,14})$`)
	numberForm = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?([eE][-+]?[0-9]{1,2})?$`)
)

func kindOf(node *yaml.Node) string {
	switch {
	case node.Kind != yaml.ScalarNode:
		return ""
	case quoted(node):
		return text
	case slices.Contains([]string{"", "~", "null", "Null", "NULL"}, node.Value):
		return null
	case node.Value == "true", node.Value == "false":
		return flag
	case wholeForm.MatchString(node.Value):
		return whole
	case numberForm.MatchString(node.Value):
		return number
	}
	return text
}

func quoted(node *yaml.Node) bool {
	return node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
}

// forms are texts of a certain form, by the tag that asks for them.
var forms = map[string]struct {
	kept    *regexp.Regexp
	allowed string
}{
	"":           {regexp.MustCompile(`\S`), "some text"},
	"id":         {regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`), "lower case letters, digits, '.', '_' and '-', at most 64, beginning with a letter or digit"},
	"repository": {regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$`), "owner/name of a hub repository"},
	"revision":   {regexp.MustCompile(`^[0-9a-f]{40}$`), "a full commit hash of 40 hex characters"},
	"word":       {regexp.MustCompile(`^[a-z0-9\x{80}-\x{10FFFF}]+$`), "one word of lower case letters and digits"},
	"template":   {regexp.MustCompile(`^[^{}]*\{product\}[^{}]*$`), "text with {product} exactly once"},
}

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

// place is where a value stands, and what its field's tag asks of it.
type place struct {
	line int // of its key
	path string
	tag  reflect.StructTag
}

// check compares a node with the type it will be decoded into: unknown and doubled keys, missing ones, kinds, ranges, forms.
func check(node *yaml.Node, want reflect.Type, at place) []problem {
	node = follow(node)
	bad := func() []problem { return []problem{{at.line, at.path, what(node), allowed(want, at.tag)}} }
	switch {
	case want.Kind() == reflect.Pointer:
		return check(node, want.Elem(), at)
	case isMapping(want):
		if node.Kind != yaml.MappingNode || len(node.Content) == 0 && (want.Kind() == reflect.Struct || at.tag.Get("least") != "") {
			return bad()
		}
		return checkMapping(node, want, at)
	case want.Kind() == reflect.Slice:
		if node.Kind != yaml.SequenceNode || len(node.Content) == 0 && at.tag.Get("least") != "" || isPair(want) && len(node.Content) != 2 {
			return bad()
		}
		return checkList(node, want, at)
	case !fits(node, want, at.tag):
		return bad()
	}
	return nil
}

func isMapping(want reflect.Type) bool {
	return want.Kind() == reflect.Struct || want.Implements(reflect.TypeFor[interface{ element() reflect.Type }]())
}

// isPair: the only lists of whole numbers are of a width and a height.
func isPair(want reflect.Type) bool {
	return want.Kind() == reflect.Slice && want.Elem().Kind() == reflect.Int
}

func checkList(node *yaml.Node, want reflect.Type, at place) []problem {
	var found []problem
	for i, item := range node.Content {
		found = append(found, check(item, want.Elem(), place{item.Line, label(at.path, item, i), at.tag})...)
	}
	return found
}

func checkMapping(node *yaml.Node, want reflect.Type, at place) []problem {
	var found []problem
	seen, keys := map[string]bool{}, at.tag.Get("keys")
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		inner := place{line: key.Line, path: strings.TrimPrefix(at.path+"."+key.Value, ".")}
		value, known := valueOf(want, key.Value, &inner)
		switch {
		case seen[key.Value]:
			found = append(found, problem{key.Line, inner.path, "is given twice", "once"})
		case keys != "" && !forms[keys].kept.MatchString(key.Value):
			found = append(found, problem{key.Line, inner.path, "is no name", forms[keys].allowed})
		case !known:
			found = append(found, problem{key.Line, inner.path, "is not a key here", strings.Join(keysOf(want), ", ")})
		default:
			found = append(found, check(node.Content[i+1], value, inner)...)
		}
		seen[key.Value] = true
	}
	if want.Kind() != reflect.Struct {
		return found
	}
	for field := range want.Fields() {
		name, optional := keyOf(field)
		if !optional && !seen[name] {
			found = append(found, problem{node.Content[0].Line, strings.TrimPrefix(at.path+"."+name, "."), "is missing", allowed(field.Type, field.Tag)})
		}
	}
	return found
}

// valueOf is the type of a key's value; it leaves the field's tag at the place.
func valueOf(want reflect.Type, key string, at *place) (value reflect.Type, known bool) {
	if m, ok := reflect.Zero(want).Interface().(interface{ element() reflect.Type }); ok {
		return m.element(), true
	}
	for field := range want.Fields() {
		if name, _ := keyOf(field); name == key {
			at.tag = field.Tag
			return field.Type, true
		}
	}
	return nil, false
}

func keyOf(field reflect.StructField) (name string, optional bool) {
	name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
	return name, options == "omitempty"
}

func keysOf(want reflect.Type) []string {
	var names []string
	for field := range want.Fields() {
		name, _ := keyOf(field)
		names = append(names, name)
	}
	return names
}

// fits tells whether a scalar is of the kind, and in the range or among the words of the tag: `range:"1 64"`, `of:"png webp jpeg"`, `form:"id"`.
func fits(node *yaml.Node, want reflect.Type, tag reflect.StructTag) bool {
	kind := kindOf(node)
	switch want.Kind() {
	case reflect.Interface:
		return kind == text || kind == whole || kind == number || kind == flag
	case reflect.Bool:
		return kind == flag
	case reflect.Int, reflect.Float64:
		value, err := strconv.ParseFloat(node.Value, 64)
		low, high := rangeOf(tag)
		return (kind == whole || kind == number && want.Kind() == reflect.Float64) && err == nil && value >= low && value <= high
	}
	if words := tag.Get("of"); words != "" {
		return kind == text && slices.Contains(strings.Fields(words), node.Value)
	}
	return kind == text && forms[tag.Get("form")].kept.MatchString(node.Value)
}

func rangeOf(tag reflect.StructTag) (low, high float64) {
	_, _ = fmt.Sscan(tag.Get("range"), &low, &high) // written in this package
	return low, high
}

// allowed says what a value of this type and tag may be.
func allowed(want reflect.Type, tag reflect.StructTag) string {
	switch {
	case want.Kind() == reflect.Pointer:
		return allowed(want.Elem(), tag)
	case want.Kind() != reflect.Struct && isMapping(want) && tag.Get("least") != "":
		return "a mapping of at least one"
	case isMapping(want):
		return "a mapping of keys to values"
	case isPair(want):
		return "a list of width and height"
	case want.Kind() == reflect.Slice && tag.Get("least") != "":
		return "a list of at least one"
	case want.Kind() == reflect.Slice:
		return "a list"
	case want.Kind() == reflect.Interface:
		return "text, a number, true or false"
	case want.Kind() == reflect.Bool:
		return flag
	case want.Kind() == reflect.Int:
		return between("a whole number", tag)
	case want.Kind() == reflect.Float64:
		return between("a number", tag)
	case tag.Get("of") != "":
		return oneOf(strings.Fields(tag.Get("of")))
	}
	return forms[tag.Get("form")].allowed
}

func between(noun string, tag reflect.StructTag) string {
	low, high := rangeOf(tag)
	return fmt.Sprintf("%s, %s to %s", noun, decimal(low), decimal(high))
}

func decimal(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

func oneOf(words []string) string { return "one of " + strings.Join(words, ", ") }
