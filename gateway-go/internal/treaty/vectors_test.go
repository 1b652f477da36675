package treaty

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"darkroom/gateway/internal/job"

	"github.com/google/go-cmp/cmp"
)

const examples = "../../../contract/examples/"

func vectors(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(examples + folder + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors in %s (%v)", folder, err)
	}
	found := map[string][]byte{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found[strings.TrimSuffix(filepath.Base(file), ".json")] = text
	}
	return found
}

func newDecoder(t *testing.T) *Decoder {
	t.Helper()
	d, err := NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEveryValidMessageIsReadAndWrittenTheSame(t *testing.T) {
	d := newDecoder(t)
	for name, body := range vectors(t, "job/valid") {
		m, err := d.Message(body)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		again, err := m.Encode()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		same(t, name, body, again)
	}
}

func TestEveryInvalidMessageIsRefused(t *testing.T) {
	d := newDecoder(t)
	for name, body := range vectors(t, "job/invalid") {
		if m, err := d.Message(body); err == nil {
			t.Errorf("%s was accepted as %+v", name, m)
		}
	}
}

func TestUnknownFieldsOfAMessageAreIgnored(t *testing.T) {
	d := newDecoder(t)
	for name, body := range vectors(t, "job/foreign") {
		if _, err := d.Message(body); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestALaterMessageIsKnownByItsHead(t *testing.T) {
	d := newDecoder(t)
	for name, body := range vectors(t, "job/later") {
		m, err := d.Message(body)
		if !errors.Is(err, ErrLater) || m.ID == "" || m.Owner == "" || m.Model == "" || m.CreatedAt == 0 || m.Deadline == 0 {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

func TestEveryValidVerdictIsReadAndWrittenTheSame(t *testing.T) {
	d := newDecoder(t)
	for name, text := range vectors(t, "verdict/valid") {
		v, err := d.Verdict(idOf(t, text), text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		again, err := v.Encode()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		same(t, name, text, again)
	}
}

func TestEveryInvalidVerdictIsRefused(t *testing.T) {
	d := newDecoder(t)
	for name, text := range vectors(t, "verdict/invalid") {
		var head struct{ ID string }
		_ = json.Unmarshal(text, &head)
		if v, err := d.Verdict(head.ID, text); err == nil {
			t.Errorf("%s was accepted as %+v", name, v)
		}
	}
}

func TestUnknownFieldsOfAVerdictAreIgnored(t *testing.T) {
	d := newDecoder(t)
	for name, text := range vectors(t, "verdict/foreign") {
		if _, err := d.Verdict(idOf(t, text), text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAVerdictOfAnotherJobIsRefused(t *testing.T) {
	d := newDecoder(t)
	for _, text := range vectors(t, "verdict/valid") {
		if _, err := d.Verdict(strings.Repeat("0", 42), text); err == nil {
			t.Error("a verdict was taken for a job that it does not name")
		}
	}
}

func TestEveryValidRecordIsRead(t *testing.T) {
	for name, text := range vectors(t, "record/valid") {
		if _, err := job.ParseRecord(fields(t, text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range vectors(t, "record/foreign") {
		if _, err := job.ParseRecord(fields(t, text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheRecordOfALiveJobMakesItsMessageAgain(t *testing.T) {
	d := newDecoder(t)
	for name, text := range vectors(t, "record/valid") {
		r, err := job.ParseRecord(fields(t, text))
		if err != nil || !r.State.Live() {
			continue
		}
		m, err := r.Message("06h00e010015g001081g81860s40i7ko2sfi5e9r26")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if m.Traceparent != fields(t, text)["traceparent"] {
			t.Errorf("%s lost its trace", name)
		}
		body, err := m.Encode()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := d.Message(body); err != nil {
			t.Errorf("%s made a message that nobody would read: %v", name, err)
		}
	}
}

// A record is written by the scripts alone; a number that is none must still not pass for 0.
func TestARecordWithoutStateOrWithBadNumbersIsRefused(t *testing.T) {
	for _, name := range []string{"state-missing", "state-unknown", "revision-negative", "attempt-in-scientific-notation", "created-at-with-fraction", "deadline-naive-time"} {
		text, known := vectors(t, "record/invalid")[name]
		if !known {
			t.Fatalf("no vector %s", name)
		}
		if r, err := job.ParseRecord(fields(t, text)); err == nil {
			t.Errorf("%s was accepted as %+v", name, r)
		}
	}
}

func fields(t *testing.T, text []byte) map[string]string {
	t.Helper()
	found := map[string]string{}
	if err := json.Unmarshal(text, &found); err != nil {
		t.Fatal(err)
	}
	return found
}

func idOf(t *testing.T, text []byte) string {
	t.Helper()
	var head struct{ ID string }
	if err := json.Unmarshal(text, &head); err != nil {
		t.Fatal(err)
	}
	return head.ID
}

func same(t *testing.T, name string, a, b []byte) {
	t.Helper()
	var left, right map[string]any
	if err := json.Unmarshal(a, &left); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &right); err != nil {
		t.Fatal(err)
	}
	if images, ok := left["images"].([]any); ok && len(images) == 0 {
		delete(left, "images") // absent and empty say the same
	}
	if diff := cmp.Diff(left, right); diff != "" {
		t.Errorf("%s changed on its way:\n%s", name, diff)
	}
}
