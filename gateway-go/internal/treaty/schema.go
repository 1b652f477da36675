// Package treaty decodes what others wrote, by the schemas in contract/: whatever it lets through is whole, typed and in range.
package treaty

import (
	"bytes"
	"fmt"
	"strings"

	"darkroom/contract"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Decoder reads messages and verdicts. It is safe for concurrent use.
type Decoder struct{ message, verdict *jsonschema.Schema }

// NewDecoder compiles the contract's schemas.
func NewDecoder() (*Decoder, error) {
	compiler := jsonschema.NewCompiler()
	for _, name := range []string{"job", "verdict"} {
		text, err := contract.Files.ReadFile(name + ".schema.json")
		if err != nil {
			return nil, err
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("%s.schema.json: %w", name, err)
		}
		open(document)
		if err := compiler.AddResource(location(name), document); err != nil {
			return nil, err
		}
	}
	message, err := compiler.Compile(location("job"))
	if err != nil {
		return nil, err
	}
	verdict, err := compiler.Compile(location("verdict"))
	return &Decoder{message, verdict}, err
}

func location(name string) string {
	return "https://darkroom.invalid/contract/" + name + ".schema.json"
}

// open takes out what binds producers alone: a consumer ignores fields that it does not know.
func open(node any) {
	switch node := node.(type) {
	case map[string]any:
		if node["additionalProperties"] == false {
			delete(node, "additionalProperties")
		}
		for _, child := range node {
			open(child)
		}
	case []any:
		for _, child := range node {
			open(child)
		}
	}
}

// decode needs both: the schema knows ranges, nulls and missing fields; the second parser doubled keys, lone surrogates, 512.0 and trailing data.
func decode(schema *jsonschema.Schema, text []byte, into any) error {
	if err := jsonv2.Unmarshal(text, into); err != nil {
		return err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	if err := schema.Validate(document); err != nil {
		return fmt.Errorf("%s", strings.Join(strings.Fields(err.Error()), " ")) // its report is a tree on many lines
	}
	return nil
}
