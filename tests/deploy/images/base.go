package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// stand is what stands for a public base image: a bare Debian of the same release with what the image adds to it.
type stand struct {
	packages []string // besides those that every Debian has; none: no Debian at all
	finish   func(base string) error
	env      []string
}

const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

var stands = map[string]stand{
	"golang:1.26-bookworm":                      {packages: []string{"ca-certificates"}, finish: addGo, env: []string{"PATH=/usr/local/go/bin:" + strings.TrimPrefix(path, "PATH=")}},
	"python:3.11-slim-bookworm":                 {packages: []string{"ca-certificates", "python3", "python3-pip", "python-is-python3"}, finish: freePip, env: []string{path}},
	"gcr.io/distroless/static-debian12:nonroot": {finish: addUsers, env: []string{path, "SSL_CERT_FILE=" + certificates}},
}

// make leaves the base in a folder; one that is there already is taken as it is.
func (s stand) make(base string) error {
	if _, err := os.Stat(base); err == nil {
		return nil
	}
	draft := base + ".new"
	if err := os.RemoveAll(draft); err != nil {
		return err
	}
	for _, folder := range []string{"proc", "dev", "tmp", "etc/ssl/certs"} {
		if err := os.MkdirAll(filepath.Join(draft, folder), 0o755); err != nil { //nolint:gosec // everybody's
			return err
		}
	}
	if len(s.packages) > 0 {
		// In a mount namespace of its own, so that what it mounts is gone with it, also when it is stopped.
		if err := run("unshare", "--mount", "debootstrap", "--variant=minbase", "--include="+strings.Join(s.packages, ","), "bookworm", draft); err != nil {
			return err
		}
	}
	if err := s.finish(draft); err != nil {
		return err
	}
	return os.Rename(draft, base)
}

func addGo(base string) error {
	where, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	version, err := exec.Command("go", "env", "GOVERSION").Output()
	if err != nil || !strings.HasPrefix(string(version), "go1.26") {
		return fmt.Errorf("the base has Go 1.26, this machine %s (%v)", version, err)
	}
	return run("cp", "-a", strings.TrimSpace(string(where)), filepath.Join(base, "usr/local/go"))
}

// freePip lets pip install beside Debian's packages, as the image's own Python does.
func freePip(base string) error {
	return os.Remove(filepath.Join(base, "usr/lib/python3.11/EXTERNALLY-MANAGED"))
}

func addUsers(base string) error {
	return os.WriteFile(filepath.Join(base, "etc/passwd"), []byte("root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"), 0o644) //nolint:gosec // everybody's
}

// run shows what a command prints only when it fails.
func run(name string, arguments ...string) error {
	if output, err := exec.Command(name, arguments...).CombinedOutput(); err != nil { //nolint:gosec // the tool's own
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(arguments, " "), err, tail(output))
	}
	return nil
}

func tail(output []byte) string {
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}
