package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

var dockerfiles = []string{"deploy/docker/gateway.Dockerfile", "deploy/docker/worker.Dockerfile"}

// stages parses as BuildKit does, with its linter: a warning fails the test.
func stages(t *testing.T, path string) []instructions.Stage {
	t.Helper()
	ast, err := parser.Parse(strings.NewReader(read(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	warn := func(rule, description, _, message string, _ []parser.Range) {
		t.Errorf("%s: %s: %s (%s)", path, rule, message, description)
	}
	found, _, err := instructions.Parse(ast.AST, linter.New(&linter.Config{Warn: warn}))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return found
}

func TestEveryImageIsPinnedAndCopiesOnlyWhatIsThere(t *testing.T) {
	pinned := regexp.MustCompile(`(:[^/:]*[0-9][^/:]*|:nonroot)$`)
	for _, path := range dockerfiles {
		for _, stage := range stages(t, path) {
			if !pinned.MatchString(stage.BaseName) {
				t.Errorf("%s: %s is pinned by no tag", path, stage.BaseName)
			}
			for _, command := range stage.Commands {
				if copied, ok := command.(*instructions.CopyCommand); ok && copied.From == "" {
					sourcesExist(t, path, copied)
				}
			}
		}
	}
}

func sourcesExist(t *testing.T, path string, command *instructions.CopyCommand) {
	t.Helper()
	for _, source := range command.SourcePaths {
		if found, err := filepath.Glob(filepath.Join(root, source)); err != nil || len(found) == 0 {
			t.Errorf("%s copies %s, which is not there (%v)", path, source, err)
		}
	}
}

func TestEveryImageRunsAsANumberedUserAndSaysHowItIsAskedAndStopped(t *testing.T) {
	for _, path := range dockerfiles {
		all := stages(t, path)
		var said []string
		for _, command := range all[len(all)-1].Commands {
			said = append(said, command.Name())
			if user, ok := command.(*instructions.UserCommand); ok && !regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`).MatchString(user.User) {
				t.Errorf("%s: USER %s: Kubernetes can tell only of a number that it is not root", path, user.User)
			}
		}
		for _, name := range []string{"USER", "HEALTHCHECK", "STOPSIGNAL", "EXPOSE"} {
			if !slices.ContainsFunc(said, func(s string) bool { return strings.EqualFold(s, name) }) {
				t.Errorf("%s: no %s in the last stage", path, name)
			}
		}
	}
}

func TestHadolintFindsNothing(t *testing.T) {
	hadolint, err := exec.LookPath("hadolint")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	for _, path := range dockerfiles {
		if said, err := exec.Command(hadolint, filepath.Join(root, path)).CombinedOutput(); err != nil || len(said) > 0 { //nolint:gosec // a linter
			t.Errorf("%v\n%s", err, said)
		}
	}
}
