package catalog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

func TestEveryProblemOfABadCatalogueIsToldInTheWordsOfTheTreaty(t *testing.T) {
	for _, path := range vectors(t, "invalid") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			_, err := Load(path, false)
			if err == nil {
				t.Fatal("it was accepted")
			}
			told := strings.ReplaceAll(err.Error(), filepath.Dir(path)+"/", "")
			if diff := cmp.Diff(expected(t, path), strings.Split(told, "\n")); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

func TestAGoodCatalogueOffersWhatIsEnabledAndNotForTests(t *testing.T) {
	for _, path := range vectors(t, "valid") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			c, err := Load(path, false)
			if err != nil {
				t.Fatal(err)
			}
			var offered []string
			for _, m := range c.Models() {
				offered = append(offered, m.ID)
			}
			if diff := cmp.Diff(expected(t, path), offered); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

func TestAFileThatIsNoYAMLIsToldByItsName(t *testing.T) {
	for _, text := range []string{"models: [", "models: []\n---\nmodels: []\n", "models: &a [*a]\n"} {
		if _, err := parse("models.yaml", []byte(text), false); err == nil || !strings.HasPrefix(err.Error(), "models.yaml:") {
			t.Fatalf("%q: %v", text, err)
		}
	}
}

func vectors(t *testing.T, folder string) []string {
	t.Helper()
	paths, err := filepath.Glob("../../../contract/examples/catalogue/" + folder + "/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors in %s (%v)", folder, err)
	}
	return paths
}

// expected are the lines of the file beside a vector.
func expected(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(strings.TrimSuffix(path, ".yaml") + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
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
