package treaty

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// seed starts from the treaty's own vectors, the good and the bad.
func seed(f *testing.F, kind string) *Decoder {
	f.Helper()
	d, err := NewDecoder()
	if err != nil {
		f.Fatal(err)
	}
	files, err := filepath.Glob(examples + kind + "/*/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no vectors of %s (%v)", kind, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	return d
}

func FuzzMessage(f *testing.F) {
	d := seed(f, "job")
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := d.Message(body)
		if err != nil {
			return
		}
		again, err := m.Encode()
		if err != nil {
			t.Fatalf("%q was read and cannot be written: %v", body, err)
		}
		if _, err := d.Message(again); err != nil {
			t.Fatalf("%q was read and written as what nobody reads: %v\n%s", body, err, again)
		}
		if _, err := m.Fields(); err != nil {
			t.Fatalf("%q cannot become a record: %v", body, err)
		}
	})
}

func FuzzVerdict(f *testing.F) {
	d := seed(f, "verdict")
	f.Fuzz(func(t *testing.T, text []byte) {
		var head struct {
			ID string `json:"id"`
		}
		_ = json.Unmarshal(text, &head) // what it is not the decoder must say
		v, err := d.Verdict(head.ID, text)
		if err != nil {
			return
		}
		again, err := v.Encode()
		if err != nil {
			t.Fatalf("%q was read and cannot be written: %v", text, err)
		}
		if _, err := d.Verdict(v.ID, again); err != nil {
			t.Fatalf("%q was read and written as what nobody reads: %v\n%s", text, err, again)
		}
	})
}
