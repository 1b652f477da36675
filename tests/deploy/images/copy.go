package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// copy follows COPY: the content of a folder, files below their names, from the context or an earlier stage.
func (b *builder) copy(s *stage, c *instructions.CopyCommand) error {
	if c.Chown != "" || c.Chmod != "" || c.Link || c.Parents || len(c.ExcludePatterns) > 0 || len(c.SourceContents) > 0 {
		return fmt.Errorf("%s: its options are not known here", c)
	}
	from := b.context
	if c.From != "" {
		from = ""
		for _, earlier := range b.stages {
			if earlier.name == c.From {
				from = earlier.root
			}
		}
	}
	into := filepath.Join(s.root, s.within(c.DestPath))
	for _, pattern := range c.SourcePaths {
		found, err := filepath.Glob(filepath.Join(from, pattern))
		if err != nil {
			return fmt.Errorf("%s: %s: %w", c, pattern, err)
		}
		if len(found) == 0 || from == "" {
			return fmt.Errorf("%s: there is no %s", c, pattern)
		}
		for _, source := range found {
			if err := place(source, into, strings.HasSuffix(c.DestPath, "/") || len(found) > 1 || c.DestPath == "."); err != nil {
				return err
			}
		}
	}
	return nil
}

// place copies one source; inside says that into is a folder for files.
func place(source, into string, inside bool) error {
	about, err := os.Stat(source)
	if err != nil {
		return err
	}
	if about.IsDir() {
		source += "/."
		inside = true
	}
	folder := into
	if !inside {
		folder = filepath.Dir(into)
	} else if !about.IsDir() {
		into = filepath.Join(into, filepath.Base(source))
	}
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // everybody's
		return err
	}
	return run("cp", "-a", "--no-preserve=ownership", "--link", source, into)
}

func (s *stage) within(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(s.image.Directory, path)
}
