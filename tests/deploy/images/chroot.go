package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const certificates = "/etc/ssl/certs/ca-certificates.crt" // this machine's, mounted into each root

// registries are the settings of this machine by which packages are found; an engine takes the like from its own configuration.
var registries = []string{
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOFLAGS",
	"PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_HTTP_TIMEOUT",
}

// mounts gives a root what an engine gives it: /proc, /dev, the names of hosts, and this machine's certificates. Nobody else sees them, and they go
// with the process. $1 is the root; the rest is the command.
const mounts = `set -eu
root=$1; shift
mount --make-rprivate /
mount --bind "$root" "$root"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt; do
    mkdir -p "$root$(dirname $file)"; [ -e "$root$file" ] || touch "$root$file"
    mount --bind "$(readlink -f $file)" "$root$file"
done
`

// readOnly is what Compose asks for: nothing can be written but /tmp and the volume of the cache, which begins as the image has it.
const readOnly = `mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
if [ -d "$root/cache" ]; then mount --bind "$root/cache" "$root/cache"; fi
mount -o remount,bind,ro "$root"
`

// command is a process inside the image's root, as its user. It replaces the shell that mounts, so that a signal reaches it.
func (i image) command(script string, env []string, words []string) *exec.Cmd {
	user, group, _ := strings.Cut(i.User, ":")
	inside := []string{"--root", i.Root, "--wd", i.Directory, "--setgid", group, "--setuid", user}
	all := append([]string{"--mount", "sh", "-c", script + `exec unshare "$@"`, "sh", i.Root}, inside...)
	process := exec.Command("unshare", append(append(all, "--"), words...)...) //nolint:gosec // the project's own Dockerfiles
	process.Env = append(append([]string{"HOME=" + i.home(user)}, i.Env...), env...)
	return process
}

// home is that of the user in the image, as an engine sets it.
func (i image) home(user string) string {
	users, _ := os.ReadFile(filepath.Join(i.Root, "etc/passwd")) //nolint:gosec // without one it is /
	for line := range strings.Lines(string(users)) {
		if fields := strings.Split(strings.TrimSpace(line), ":"); len(fields) == 7 && fields[2] == user {
			return fields[5]
		}
	}
	return "/"
}

// run carries out a RUN.
func (s *stage) run(words []string) error {
	env := append([]string{"SSL_CERT_FILE=" + certificates}, s.args...)
	for _, key := range registries {
		if value := os.Getenv(key); value != "" {
			env = append(env, key+"="+value)
		}
	}
	now := s.image
	now.Root = s.root
	process := now.command(mounts, env, words)
	log := filepath.Clean(s.root) + ".log"
	output, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // beside the root
	if err != nil {
		return err
	}
	defer output.Close() //nolint:errcheck // a log
	process.Stdout, process.Stderr = output, output
	if err := process.Run(); err != nil {
		text, _ := os.ReadFile(log) //nolint:gosec // just written
		return fmt.Errorf("%s: %w\n%s", strings.Join(words, " "), err, tail(text))
	}
	return nil
}
