//go:build failpoints

package failpoint

import (
	"os"
	"path/filepath"
	"testing"
)

func TestALineStrikesAtItsPointAtItsTimeAndOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fail-at")
	t.Setenv("GATEWAY_FAIL_AT", path)
	before, after := Around("a_step")
	if err := before.Hit(); err != nil {
		t.Fatal("without a file:", err)
	}
	if err := os.WriteFile(path, []byte("other.before:error a_step.after:error:2"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{false, true, false} {
		if err := after.Hit(); (err != nil) != want || before.Hit() != nil {
			t.Errorf("time %d: %v", i+1, err)
		}
	}
	if left, err := os.ReadFile(path); err != nil || string(left) != "other.before:error" {
		t.Errorf("left %q, %v", left, err)
	}
}
