package catalog

import (
	"os"
	"strings"
	"testing"
)

const shipped = "../../../deploy/models.yaml"

func TestTheShippedCatalogueLoads(t *testing.T) {
	c, err := Load(shipped, false)
	if err != nil {
		t.Fatal(err)
	}
	m, ok := c.Find("")
	if !ok || m.ID != "pocket-studio" || m.Defaults.Steps != 20 || m.Schedulers[0] != "ddim" {
		t.Fatalf("the default model is %+v", m)
	}
	if m, ok := c.Find("simulated"); !ok || !m.Simulated || m.Sizes.Max != 1024 || len(m.Presets) != 4 || m.Presets[0].ID != "studio" {
		t.Fatalf("the simulated model is %+v", m)
	}
	if _, ok := c.Find("nothing"); ok {
		t.Fatal("a model that is not there was found")
	}
}

func TestABadEntryIsToldWithLineKeyAndWhatIsAllowed(t *testing.T) {
	good, err := os.ReadFile(shipped)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"unknown key":        {"    licence: MIT\n    default", "    license: MIT\n    default", "license is not a key here; allowed: id, name"},
		"wrong kind":         {"steps: {min: 1, max: 50}", "steps: {min: one, max: 50}", "models[0].steps.min must be a whole number"},
		"float for a whole":  {"steps: {min: 1, max: 50}", "steps: {min: 1.5, max: 50}", "models[0].steps.min must be a whole number"},
		"null":               {"name: Pocket Studio", "name:", "models[0].name must be text"},
		"twice":              {"    task: text_to_image", "    task: text_to_image\n    task: text_to_image", "models[0].task is given twice"},
		"not allowed":        {"dtype: float32", "dtype: fp8", "models[pocket-studio].dtype is not allowed; allowed: one of float32"},
		"default past range": {"steps: 20, guidance_scale: 3", "steps: 51, guidance_scale: 3", "defaults.steps is not allowed; allowed: 1 to 50"},
		"no default":         {"default: true", "default: false", "have 0 defaults"},
		"template":           {`template: "{product}"}`, `template: "product"}`, "presets.none.template is not allowed"},
		"same id":            {"id: simulated", "id: pocket-studio", "id is given twice"},
		"scheduler":          {"ddim: {}", "karras: {}", "schedulers is not allowed; allowed: one of euler"},
		"hub revision":       {"source: models/pocket-studio", "repository: a/b\n    revision: main", "revision is not allowed"},
		"not a list":         {"formats: [png, webp, jpeg]\n    max_n: 4", "formats: png\n    max_n: 4", "models[0].formats must be a list"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(string(good), c.old) {
				t.Fatalf("the shipped catalogue no longer has %q", c.old)
			}
			bad := strings.Replace(string(good), c.old, c.new, 1)
			_, err := parse("models.yaml", []byte(bad), false)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "models.yaml:") {
				t.Fatalf("got %v, want it to say %q", err, c.want)
			}
		})
	}
}

func TestAnEmptyCatalogueIsRefused(t *testing.T) {
	for _, text := range []string{"", "models: []", "[]", "models:"} {
		if _, err := parse("models.yaml", []byte(text), false); err == nil {
			t.Fatalf("%q was accepted", text)
		}
	}
}

func TestTestOnlyModelsAreHiddenOutsideTestMode(t *testing.T) {
	good, _ := os.ReadFile(shipped)
	text := strings.Replace(string(good), "task: simulated", "task: simulated\n    test_only: true", 1)
	for _, testMode := range []bool{false, true} {
		c, err := parse("models.yaml", []byte(text), testMode)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := c.Find("simulated"); ok != testMode {
			t.Fatalf("in test mode %v the model was found: %v", testMode, ok)
		}
	}
}
