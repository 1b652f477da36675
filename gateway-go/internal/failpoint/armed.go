//go:build failpoints

// Package failpoint names the points at which a test may end, fail or hold up a gateway. The file that GATEWAY_FAIL_AT names holds lines
// point:kill, point:error or point:delay, with :n for the n-th time that any process comes by. A line strikes once and is gone with that: what is started again goes on.
package failpoint

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Delay is how long a delay lasts: longer than a janitor's pass in the tests, shorter than a confirm may take.
const Delay = 1500 * time.Millisecond

var errStruck = errors.New("a failpoint struck")

// Point is a place in the code, known by its name.
type Point struct{ name string }

var names []string

// New names a point.
func New(name string) Point {
	names = append(names, name)
	return Point{name}
}

// Around names the points before and after a step that changes something outside this process.
func Around(step string) (before, after Point) { return New(step + ".before"), New(step + ".after") }

// Names of all points.
func Names() []string { return slices.Sorted(slices.Values(names)) }

// Hit ends this process, waits, or reports the error that shall happen here.
func (p Point) Hit() error {
	switch kind := take(os.Getenv("GATEWAY_FAIL_AT"), p.name); kind {
	case "":
		return nil
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "delay":
		time.Sleep(Delay)
		return nil
	default:
		return fmt.Errorf("%w: %s at %s", errStruck, kind, p.name)
	}
}

// take answers what shall happen at a point, "" for nothing, and strikes its line out.
func take(path, point string) string {
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return ""
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }()
	if syscall.Flock(int(file.Fd()), syscall.LOCK_EX) != nil {
		return ""
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return ""
	}
	kind, left := strike(strings.Fields(string(text)), point)
	rest := strings.Join(left, "\n")
	if _, err := file.WriteAt([]byte(rest), 0); err != nil || file.Truncate(int64(len(rest))) != nil {
		return ""
	}
	return kind
}

// strike answers what the first line of a point asks for, once its count has come down to 1, and the lines that are left.
func strike(lines []string, point string) (kind string, left []string) {
	for i, line := range lines {
		words := append(strings.Split(line, ":"), "1")
		if words[0] != point {
			continue
		}
		if n, _ := strconv.Atoi(words[2]); n > 1 {
			lines[i] = fmt.Sprintf("%s:%s:%d", point, words[1], n-1)
			return "", lines
		}
		return words[1], slices.Delete(lines, i, i+1)
	}
	return "", lines
}
