package treaty

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"darkroom/gateway/internal/job"
)

// released hands every sample of this kind that any release wrote, by its file name.
func released(t *testing.T, kind string, read func(t *testing.T, text []byte)) {
	t.Helper()
	files, err := filepath.Glob(examples + "released/*/" + kind + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples of %s (%v)", kind, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			read(t, text)
		})
	}
}

func TestMessagesOfEarlierReleasesAreRead(t *testing.T) {
	d := newDecoder(t)
	released(t, "job", func(t *testing.T, text []byte) {
		if m, err := d.Message(text); err != nil || m.ID != idOf(t, text) || m.Spec.Prompt == "" || m.Deadline <= m.CreatedAt {
			t.Errorf("%+v, %v", m, err)
		}
	})
}

func TestVerdictsOfEarlierReleasesAreRead(t *testing.T) {
	d := newDecoder(t)
	released(t, "verdict", func(t *testing.T, text []byte) {
		v, err := d.Verdict(idOf(t, text), text)
		if err != nil || v.State == job.StateSucceeded && len(v.Images) == 0 || v.State == job.StateFailed && v.Error == nil {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

// A live record gives its message back, because the janitor publishes lost ones from it; an ended one holds its verdict.
func TestRecordsOfEarlierReleasesAreRead(t *testing.T) {
	d := newDecoder(t)
	released(t, "record", func(t *testing.T, text []byte) {
		var fields map[string]string
		if err := json.Unmarshal(text, &fields); err != nil {
			t.Fatal(err)
		}
		r, err := job.ParseRecord(fields)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case r.State.Live():
			m, err := r.Message("06f5n2q1k8g000s4v1v8c0r3m2pq0h7d2k5t9a1u4e")
			if err != nil || m.Spec.Prompt == "" || m.MaxAttempts == 0 || r.Deadline == 0 {
				t.Errorf("%+v, %v", m, err)
			}
		case r.State.Ended():
			if v, err := d.Verdict(idOf(t, []byte(r.Verdict)), []byte(r.Verdict)); err != nil || v.State != r.State {
				t.Errorf("%+v, %v", v, err)
			}
		}
	})
}
