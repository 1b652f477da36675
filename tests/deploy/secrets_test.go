package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// drawSecrets runs the script as the container does, and answers what it made: file -> content.
func drawSecrets(t *testing.T, given map[string]string) map[string]string {
	t.Helper()
	folder := t.TempDir()
	made, said, err := drawInto(t, folder, given)
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return made
}

func drawInto(t *testing.T, folder string, given map[string]string) (made map[string]string, said string, err error) {
	t.Helper()
	command := exec.Command("sh", filepath.Join(root, "deploy/docker/draw-secrets.sh")) //nolint:gosec // the project's own
	environment := environmentOf(compose(t).Services["secrets"])
	environment["SECRETS"], environment["READERS"] = folder, strconv.Itoa(os.Getgid())
	for key, value := range given {
		environment[key] = value
	}
	for key, value := range environment {
		command.Env = append(command.Env, key+"="+value)
	}
	output, err := command.CombinedOutput()
	made = map[string]string{}
	files, _ := filepath.Glob(folder + "/*") // the pattern is well formed
	for _, file := range files {
		text, _ := os.ReadFile(file) //nolint:gosec // an unreadable one stays empty, which a test notices
		made[filepath.Base(file)] = string(text)
	}
	return made, string(output), err
}

func TestSecretsAreDrawnOnceAndReadableByTheirGroupAlone(t *testing.T) {
	folder := t.TempDir()
	first, said, err := drawInto(t, folder, nil)
	if err != nil {
		t.Fatal(said)
	}
	second, _, _ := drawInto(t, folder, nil)
	other := drawSecrets(t, nil)
	for _, name := range []string{"id_keys", "rabbitmq_password", "redis_password", "s3_secret_key"} {
		if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(first[name]) || second[name] != first[name] || other[name] == first[name] {
			t.Errorf("%s: %q, then %q, and elsewhere %q", name, first[name], second[name], other[name])
		}
		if file, err := os.Stat(filepath.Join(folder, name)); err != nil || file.Mode().Perm() != 0o440 {
			t.Errorf("%s: %v %v", name, file.Mode(), err)
		}
	}
	if first["rabbitmq_url"] != "amqp://darkroom:"+first["rabbitmq_password"]+"@rabbitmq:5672/" || first["redis_url"] != "redis://:"+first["redis_password"]+"@redis:6379/0" {
		t.Errorf("%v", first)
	}
}

func TestAPasswordOfTheOperatorIsKeptUnlessItWouldSpoilAnAddress(t *testing.T) {
	if made := drawSecrets(t, map[string]string{"REDIS_PASSWORD": "of-my-own"}); made["redis_url"] != "redis://:of-my-own@redis:6379/0" {
		t.Error(made["redis_url"])
	}
	if _, said, err := drawInto(t, t.TempDir(), map[string]string{"RABBITMQ_PASSWORD": "p@ss/word"}); err == nil || !strings.Contains(said, "rabbitmq_password: allowed: ") {
		t.Errorf("%v: %s", err, said)
	}
}

// withOverride loads the Compose file with a second one laid over it.
func withOverride(t *testing.T, text string) *types.Project {
	t.Helper()
	folder, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "docker-compose.override.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	options, err := cli.NewProjectOptions([]string{folder + "/docker-compose.yml", path}, cli.WithWorkingDirectory(folder), cli.WithDefaultProfiles("*"))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func seconds(t *testing.T, text string) time.Duration {
	t.Helper()
	number, err := strconv.Atoi(strings.TrimSuffix(text, "s"))
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(number) * time.Second
}

// marginOfGunicorn is what gunicorn waits beyond the drain's own grace.
func marginOfGunicorn(t *testing.T) time.Duration {
	t.Helper()
	return seconds(t, regexp.MustCompile(`(?m)^MARGIN = ([0-9]+)$`).FindStringSubmatch(read(t, "worker-py/darkroom_worker/serving.py"))[1])
}
