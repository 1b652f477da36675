package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// builder follows one Dockerfile.
type builder struct {
	bases   string // folder of what stands for the public images
	context string // folder of what the builder is sent
	folder  string // where the image is made: a folder for each stage, and image.json
	stages  []stage
}

// stage is a root in the making, and what was said of it so far.
type stage struct {
	name  string
	root  string
	args  []string // KEY=value, seen by RUN alone
	image image
}

func (b *builder) build(dockerfile string) error {
	text, err := os.ReadFile(dockerfile) //nolint:gosec // the project's own
	if err != nil {
		return err
	}
	ast, err := parser.Parse(strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	parsed, _, err := instructions.Parse(ast.AST, nil)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(b.folder); err != nil {
		return err
	}
	for _, from := range parsed {
		if err := b.stage(from); err != nil {
			return err
		}
	}
	for _, done := range b.stages[:len(b.stages)-1] {
		if err := os.RemoveAll(done.root); err != nil {
			return err
		}
	}
	last := b.stages[len(b.stages)-1]
	last.image.Root = last.root
	return last.image.write(b.folder)
}

func (b *builder) stage(from instructions.Stage) error {
	stand, known := stands[from.BaseName]
	if !known {
		return fmt.Errorf("FROM %s: nothing here stands for it", from.BaseName)
	}
	fmt.Println("FROM", from.BaseName)
	base := filepath.Join(b.bases, strings.NewReplacer("/", "-", ":", "-").Replace(from.BaseName))
	if err := os.MkdirAll(b.bases, 0o755); err != nil { //nolint:gosec // everybody's
		return err
	}
	if err := stand.make(base); err != nil {
		return err
	}
	s := stage{name: from.Name, root: filepath.Join(b.folder, fmt.Sprintf("stage-%d", len(b.stages))), image: image{Directory: "/", User: "0:0", Env: stand.env}}
	if err := os.MkdirAll(b.folder, 0o755); err != nil { //nolint:gosec // everybody's
		return err
	}
	if err := run("cp", "-a", base, s.root); err != nil {
		return err
	}
	for _, command := range from.Commands {
		fmt.Println(" ", command)
		if err := b.do(&s, command); err != nil {
			return err
		}
	}
	b.stages = append(b.stages, s)
	return nil
}

// do carries out one instruction. One that nobody has taught it ends the build: it must not be passed over.
func (b *builder) do(s *stage, command instructions.Command) error {
	if words, ok := command.(instructions.SupportsSingleWordExpansion); ok {
		lex, known := shell.NewLex('\\'), shell.EnvsFromSlice(append(s.args, s.image.Env...))
		if err := words.Expand(func(word string) (string, error) { text, _, err := lex.ProcessWord(word, known); return text, err }); err != nil {
			return err
		}
	}
	switch c := command.(type) {
	case *instructions.EnvCommand:
		for _, pair := range c.Env {
			s.image.Env = with(s.image.Env, pair.Key, pair.Value)
		}
	case *instructions.ArgCommand:
		for _, arg := range c.Args {
			s.args = with(s.args, arg.Key, given(arg))
		}
	case *instructions.WorkdirCommand:
		s.image.Directory = s.within(c.Path)
		return os.MkdirAll(filepath.Join(s.root, s.image.Directory), 0o755) //nolint:gosec // everybody's
	case *instructions.CopyCommand:
		return b.copy(s, c)
	case *instructions.RunCommand:
		words := c.CmdLine
		if c.PrependShell {
			words = []string{"/bin/sh", "-c", strings.Join(c.CmdLine, " ")}
		}
		return s.run(words)
	case *instructions.UserCommand:
		s.image.User = c.User
	case *instructions.HealthCheckCommand:
		s.image.Health = c.Health.Test
	case *instructions.EntrypointCommand:
		s.image.Entrypoint = c.CmdLine
	case *instructions.CmdCommand:
		s.image.Command = c.CmdLine
	case *instructions.StopSignalCommand:
		s.image.StopSignal = c.Signal
	case *instructions.ExposeCommand:
	default:
		return fmt.Errorf("%s: not known here", command.Name())
	}
	return nil
}

// given is the value of a build argument: that of the environment, else its default.
func given(arg instructions.KeyValuePairOptional) string {
	if value := os.Getenv(arg.Key); value != "" || arg.Value == nil {
		return value
	}
	return *arg.Value
}

func with(env []string, key, value string) []string {
	var kept []string
	for _, pair := range env {
		if !strings.HasPrefix(pair, key+"=") {
			kept = append(kept, pair)
		}
	}
	return append(kept, key+"="+value)
}
