package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// copyContext copies what a builder is sent: the files of the repository and those that are about to join it, without what .dockerignore names.
func copyContext(target string) error {
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	file, err := os.Open(filepath.Join(root, ".dockerignore"))
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // only read
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		return err
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		return err
	}
	listed, err := exec.Command("git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return err
	}
	for _, name := range strings.Split(strings.TrimSuffix(string(listed), "\x00"), "\x00") {
		if out, err := ignored.MatchesOrParentMatches(name); err != nil || out {
			if err != nil {
				return err
			}
			continue
		}
		into := filepath.Join(target, name)
		if err := os.MkdirAll(filepath.Dir(into), 0o755); err != nil { //nolint:gosec // as in a clone
			return err
		}
		if err := run("cp", "-a", filepath.Join(root, name), into); err != nil {
			return err
		}
	}
	return nil
}
