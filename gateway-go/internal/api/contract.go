package api

import (
	"net/http"

	"github.com/go-json-experiment/json"
	"go.yaml.in/yaml/v3"

	treaty "darkroom/contract"
)

// ReadContract answers openapi.yaml as JSON. An error means that the binary is broken.
func ReadContract() ([]byte, error) {
	text, err := treaty.Files.ReadFile("openapi.yaml")
	if err != nil {
		return nil, err
	}
	var document any
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	return json.Marshal(document, json.Deterministic(true))
}

func (a *API) contract(w http.ResponseWriter, _ *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "public, no-cache")
	_, _ = w.Write(a.Contract) // whoever hung up misses it
}
