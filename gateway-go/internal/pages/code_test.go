package pages

import (
	"strings"
	"testing"

	"darkroom/gateway/internal/job"
)

func TestTheCommandAsksForTheSamePicture(t *testing.T) {
	asked := job.Request{
		Product: ref("it's -- a mug"), Preset: ref("studio"), Model: ref("m"), NegativePrompt: ref("text"), Width: ref(512), Height: ref(768), Steps: ref(9),
		GuidanceScale: ref(4.5), Scheduler: ref("ddim"), N: ref(2), Format: ref("webp"),
	}
	j := pictureJob("one", "a mug", 1)
	j.Input, j.Effective.Format = asked.Input(), "webp"
	want := `DARKROOM_URL=http://here darkroom draw \
  --model 'm' \
  --preset 'studio' \
  --negative 'text' \
  --size 512x768 \
  --steps 9 \
  --guidance 4.5 \
  --scheduler 'ddim' \
  --seed 48213 \
  -n 2 \
  --format 'webp' \
  -o picture.webp \
  -- 'it'\''s -- a mug'`
	if got := codeOf(j, "http://here").CLI; got != want {
		t.Errorf("%s", got)
	}
	j.Input = map[string]any{"product": "a mug"}
	if got := codeOf(j, "http://here").CLI; !strings.HasSuffix(got, "-- '"+j.Effective.Prompt+"'") || strings.Contains(got, "--preset") {
		t.Errorf("a product without a look: %s", got)
	}
	j.Input = job.Request{Prompt: ref("a mug"), Image: &job.Source{Job: "other"}}.Input()
	if got := codeOf(j, "http://here").CLI; got != "" {
		t.Errorf("what begins with a picture: %s", got)
	}
}
