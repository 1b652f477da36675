// Package deploy holds the Compose file, the Helm chart and the native runner against each other and against .env.example.
// It is a module of its own, so that the gateway does not depend on Helm and Kubernetes.
package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// manual is .env.example: key -> default. tests/contract/test_settings.py holds it against the code.
func manual(t *testing.T) map[string]string {
	t.Helper()
	defaults := map[string]string{}
	for _, line := range regexp.MustCompile(`(?m)^#([A-Z][A-Z0-9_]*)=(.*)$`).FindAllStringSubmatch(read(t, ".env.example"), -1) {
		defaults[line[1]] = line[2]
	}
	return defaults
}

// keysOfGateway are what the gateway reads, and whether each is secret.
func keysOfGateway(t *testing.T) map[string]bool {
	t.Helper()
	keys := map[string]bool{}
	for _, tag := range regexp.MustCompile("env:\"([A-Z][A-Z0-9_]*)\"([^`]*)`").FindAllStringSubmatch(read(t, "gateway-go/internal/config/config.go"), -1) {
		keys[tag[1]] = strings.Contains(tag[2], `secret:"true"`)
	}
	return atLeast(t, keys, 20)
}

// keysOfWorker are what the worker reads, and whether each is secret.
func keysOfWorker(t *testing.T) map[string]bool {
	t.Helper()
	text := read(t, "worker-py/darkroom_worker/settings.py")
	secrets := regexp.MustCompile(`(?s)SECRETS = \((.*?)\)`).FindString(text)
	keys := map[string]bool{}
	for _, field := range regexp.MustCompile(`(?m)^    ([A-Z][A-Z0-9_]*): `).FindAllStringSubmatch(text, -1) {
		keys[field[1]] = strings.Contains(secrets, `"`+field[1]+`"`)
	}
	return atLeast(t, keys, 15)
}

// keysOfCommand are what the darkroom command reads, and whether each is secret.
func keysOfCommand(t *testing.T) map[string]bool {
	t.Helper()
	text := read(t, "worker-py/darkroom_cli/settings.py")
	secrets := regexp.MustCompile(`(?s)SECRETS = \((.*?)\)`).FindString(text)
	keys := map[string]bool{}
	for _, entry := range regexp.MustCompile(`(?m)^    "([A-Z][A-Z0-9_]*)": (?:"|str)`).FindAllStringSubmatch(text, -1) {
		keys[entry[1]] = strings.Contains(secrets, `"`+entry[1]+`"`)
	}
	return atLeast(t, keys, 15)
}

func atLeast(t *testing.T, keys map[string]bool, least int) map[string]bool {
	t.Helper()
	if len(keys) < least {
		t.Fatalf("only %d keys were found: %v", len(keys), keys)
	}
	return keys
}

// strange lists what is wrong with an environment for a reader of these keys: unknown keys, secrets in plain sight,
// and values that differ from the manual's without being placed by this way of running.
func strange(environment map[string]string, keys map[string]bool, manual map[string]string, placed ...string) (problems []string) {
	for name, value := range environment {
		key, isFile := strings.CutSuffix(name, "_FILE")
		if _, known := keys[name]; known { // TLS_CA_FILE and others are keys themselves
			key, isFile = name, false
		}
		secret, known := keys[key]
		switch {
		case !known:
			problems = append(problems, name+" is read by nobody")
		case secret != isFile && (secret || isFile):
			problems = append(problems, name+": a secret comes by "+key+"_FILE, and only a secret does")
		case !secret && !slices.Contains(placed, key) && same(value) != same(manual[key]):
			problems = append(problems, name+"="+value+", but the manual's default is "+manual[key])
		}
	}
	slices.Sort(problems)
	return problems
}

// same makes 0 and nothing, True and true, 30 and 30s one.
func same(value string) string {
	value = strings.TrimSuffix(strings.ToLower(value), "s")
	if value == "0" {
		return ""
	}
	return value
}

// missing are the keys that can be neither set nor are set in an environment.
func missing(environment map[string]string, keys map[string]bool, elsewhere ...string) (absent []string) {
	for key := range keys {
		_, plain := environment[key]
		_, file := environment[key+"_FILE"]
		if !plain && !file && !slices.Contains(elsewhere, key) {
			absent = append(absent, key)
		}
	}
	slices.Sort(absent)
	return absent
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
