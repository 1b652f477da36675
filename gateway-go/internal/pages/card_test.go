package pages

import (
	"net/http"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"darkroom/gateway/internal/job"
)

func TestEveryStateIsACardOfItsKind(t *testing.T) {
	states := []struct {
		name, state, frame string
		polls              bool
		says               []string // in the card, anywhere
		actions            []string // in order
	}{
		{"queued", "queued", "brackets", true, []string{"3rd", "in line", "Ready in about 40\u00a0s.", "SDXL is being loaded", "SDXL · 1024 × 1024"}, []string{"Cancel"}},
		{"next", "queued", "brackets", true, []string{"Next", "Ready in about 4\u00a0s.", "Worker 1 is finishing"}, []string{"Cancel"}},
		{"no worker", "queued", "brackets", true, []string{"Waiting", "No worker has Lonely right now.", "it ends and you are told", "no estimate yet"}, []string{"Cancel"}},
		{"retry", "retry", "brackets", true, []string{"Second try in 12\u00a0s", "This will be try 2 of 3.", "Queued again", "try 2 of 3"}, []string{"Cancel"}},
		{"loading", "loading", "brackets", true, []string{"Loading Pocket Studio", "read into memory", "Starting", "worker 2"}, []string{"Cancel"}},
		{"starting", "starting", "brackets", true, []string{"Starting"}, []string{"Cancel"}},
		{"running blind", "running", "brackets", true, []string{"Developing, step 3 of 20"}, []string{"Cancel"}},
		{"running", "running", "mat", true, []string{"Developing, step 12 of 20", "about 1\u00a0s left", "Developing, half done"}, []string{"Cancel"}},
		{"finishing", "finishing", "mat", true, []string{"Finishing"}, []string{"Cancel"}},
		{"recovering", "recovering", "brackets", true, []string{"Finding this picture", "at the latest.", "Words and settings follow"}, []string{"Cancel"}},
		{"succeeded", "succeeded", "mat", false, []string{"1.5\u00a0s", "20 steps · seed 48213"}, []string{"Vary", "Reuse", "Save", "Pick", "Open"}},
		{"four", "succeeded", "contact", false, []string{"4 · seeds 48213–48216"}, []string{"Vary", "Reuse", "Save", "Pick", "Open"}},
		{"failed", "failed", "well", false, []string{"Not made", "Failed at step 14 of 20", "worker_lost", "Trying again usually works."}, []string{"Try again", "Reuse", "Open"}},
		{"canceled", "canceled", "well", false, []string{"You stopped this at step 7 of 20. Nothing was kept."}, []string{"Take it again", "Reuse", "Open"}},
		{"expired", "expired", "well", false, []string{"Expired", "Pictures are kept for 7 days. This one was taken on", "is gone, with its settings", "No longer on record"}, []string{"Clear from roll"}},
	}
	jobs := sampleJobs()
	if len(states) != len(jobs) {
		t.Fatalf("%d states are checked and %d exist", len(states), len(jobs))
	}
	for _, want := range states {
		t.Run(want.name, func(t *testing.T) {
			j := jobs[want.name]
			card := get(t, serve(t, &shownDesk{jobs: []job.Job{j}}).URL+"/jobs/"+j.ID+"/card").Find("article.card")
			if card.Length() != 1 || card.AttrOr("id", "") != "job-"+j.ID {
				t.Fatalf("the fragment holds %d cards, the first is %q", card.Length(), card.AttrOr("id", ""))
			}
			if got := card.AttrOr("data-state", ""); got != want.state {
				t.Errorf("state %q, want %q", got, want.state)
			}
			if !card.HasClass(want.frame) {
				t.Errorf("frame %q, want %q", card.AttrOr("class", ""), want.frame)
			}
			if _, polls := card.Attr("hx-trigger"); polls != want.polls {
				t.Errorf("polls: %v, want %v", polls, want.polls)
			}
			for _, text := range want.says {
				if !strings.Contains(card.Text(), text) {
					t.Errorf("does not say %q: %q", text, squeeze(card.Text()))
				}
			}
			var actions []string
			card.Find(".actions > form button, .actions > a, .actions > label, .actions li:first-child").Each(func(_ int, s *goquery.Selection) { actions = append(actions, squeeze(s.Text())) })
			if strings.Join(actions, "|") != strings.Join(want.actions, "|") {
				t.Errorf("actions %q, want %q", actions, want.actions)
			}
			if live := card.Find("[aria-live=polite]"); live.Length() != 1 || squeeze(live.Text()) == "" {
				t.Errorf("a screen reader hears %q", live.Text())
			}
		})
	}
}

func TestACardShowsItsPicturesWholeAndAtMostThreeTimesTheirSize(t *testing.T) {
	jobs := sampleJobs()
	for name, pictures := range map[string]int{"succeeded": 1, "four": 4, "running": 1, "finishing": 1} {
		card := get(t, serve(t, &shownDesk{jobs: []job.Job{jobs[name]}}).URL+"/jobs/"+jobs[name].ID+"/card")
		images := card.Find("img")
		if images.Length() != pictures {
			t.Errorf("%s shows %d pictures, want %d", name, images.Length(), pictures)
		}
		images.Each(func(_ int, img *goquery.Selection) {
			if img.AttrOr("width", "") != "1536" || img.AttrOr("height", "") != "1536" || img.AttrOr("alt", "") == "" {
				t.Errorf("%s: width %q, height %q, alt %q", name, img.AttrOr("width", ""), img.AttrOr("height", ""), img.AttrOr("alt", ""))
			}
		})
	}
}

func TestEveryFailureSaysWhatHappenedAndWhatToDo(t *testing.T) {
	advice := map[string]string{
		"worker_lost": "Trying again usually works.", "deadline": "Try again, or allow longer.", "poison": "change size or model",
		"out_of_memory": "Make it smaller", "bad_output": "Try another seed.", "storage_unavailable": "Try again.",
		"result_lost": "Take it again with the same seed.", "state_lost": "Submit it again.", "refused": "Change the words.", "engine_error": "The engine said no.",
	}
	for code, text := range advice {
		for _, retryable := range []bool{true, false} {
			j := failedJob(code, retryable)
			card := get(t, serve(t, &shownDesk{jobs: []job.Job{j}}).URL+"/jobs/"+j.ID+"/card")
			if !strings.Contains(card.Find(".tell").Text(), text) || card.Find(".facts .right").Text() != code {
				t.Errorf("%s: %q, %q", code, squeeze(card.Find(".tell").Text()), card.Find(".facts .right").Text())
			}
			if offered := strings.Contains(card.Find(".actions").Text(), "Try again"); offered != retryable {
				t.Errorf("%s, retryable %v: try again is offered: %v", code, retryable, offered)
			}
		}
	}
}

func TestASimulatedPictureSaysSo(t *testing.T) {
	j := pictureJob("simul", "a red mug", 1)
	j.Simulated = true
	url := serve(t, &shownDesk{jobs: []job.Job{j}}).URL + "/jobs/" + j.ID
	for _, address := range []string{url, url + "/card"} {
		if got := get(t, address).Find(".flag").Text(); got != "Simulated" {
			t.Errorf("%s is marked %q", address, got)
		}
	}
}

func TestWordsAreTextAndNothingElse(t *testing.T) {
	const evil = `<script>alert(1)</script><img src=x onerror=alert(2)>"'&`
	j := pictureJob("evil", evil, 1)
	server := serve(t, &shownDesk{jobs: []job.Job{j}})
	for _, path := range []string{"/", "/jobs/" + j.ID, "/jobs/" + j.ID + "/card", "/jobs/" + j.ID + "/delete", "/?from=" + j.ID} {
		page := get(t, server.URL+path)
		page.Find("script").Each(func(_ int, s *goquery.Selection) {
			if s.Text() != "" {
				t.Errorf("%s: a script from the words: %q", path, s.Text())
			}
		})
		if page.Find("[onerror], [style], style").Length() > 0 {
			t.Errorf("%s: inline style or handler", path)
		}
		if !strings.Contains(page.Text(), evil) {
			t.Errorf("%s does not show the words as typed", path)
		}
	}
}

func squeeze(text string) string { return strings.Join(strings.Fields(text), " ") }

func get(t *testing.T, address string) *goquery.Document {
	t.Helper()
	answer, err := http.Get(address) //nolint:gosec,noctx // our own test server
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	page, err := goquery.NewDocumentFromReader(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return page
}
