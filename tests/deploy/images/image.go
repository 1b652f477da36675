package main

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// image is what a build leaves: a root, and what was said of how to run it.
type image struct {
	Root       string
	Env        []string // KEY=value
	Directory  string
	User       string // numbers: user:group
	Entrypoint []string
	Command    []string
	Health     []string // CMD and its words
	StopSignal string
}

func (i image) write(folder string) error {
	text, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "image.json"), text, 0o600)
}

func readImage(folder string) (image, error) {
	text, err := os.ReadFile(filepath.Join(folder, "image.json")) //nolint:gosec // written by build
	if err != nil {
		return image{}, err
	}
	var i image
	return i, json.Unmarshal(text, &i)
}
