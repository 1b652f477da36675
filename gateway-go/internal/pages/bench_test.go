package pages

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"darkroom/gateway/internal/job"
)

func TestTheBenchOffersWhatTheCatalogueHas(t *testing.T) {
	page := get(t, serve(t, &shownDesk{}).URL+"/")
	for selector, want := range map[string]string{
		"[name=look]": "studio lifestyle flat-lay none", "[name=shape]": "512x512 512x768 768x512", "[name=n]": "1 2 3 4",
		"[name=model] option": "pocket-studio sdxl lonely", "[name=scheduler] option": "ddim dpmpp_2m",
		"[name=look][checked]": "studio", "[name=shape][checked]": "512x512", "[name=steps]": "20", "[name=guidance]": "3", "[name=seed]": "",
	} {
		var values []string
		page.Find("#bench " + selector).Each(func(_ int, s *goquery.Selection) { values = append(values, s.AttrOr("value", "")) })
		if got := strings.Join(values, " "); got != want {
			t.Errorf("%s: %q, want %q", selector, got, want)
		}
	}
}

func TestTheBenchSpeaksOfAModelAsItsCatalogueEntryDoes(t *testing.T) {
	page := get(t, serve(t, &shownDesk{}).URL+"/")
	if got := squeeze(page.Find("#scheduler").Text()); got != "DDIM DPM++ 2M" && got != "DDIMDPM++ 2M" {
		t.Errorf("schedulers read %q", got)
	}
	if got := page.Find("#model option").Length(); got != len(sampleModels)-1 {
		t.Errorf("%d models are offered: one that begins with a picture must not be", got)
	}
	words := page.Find(".samples a")
	if words.Length() != len(sampleWords) || words.First().AttrOr("href", "") != "/?mode=prompt&words=a%20glossy%20red%20mug%20on%20a%20white%20background" {
		t.Errorf("%d examples, the first leads to %q", words.Length(), words.First().AttrOr("href", ""))
	}
	if words.Last().Find(".sample").Length() != 0 {
		t.Error("a picture stands beside words that it was not drawn from")
	}
	_, plain := post(t, serve(t, &shownDesk{}).URL+"/bench", url.Values{"words": {"a mug"}, "model": {"lonely"}, "keep_out": {"people"}}, true)
	if plain.Find("#keep-out, #guidance").Length() != 0 || plain.Find("[type=hidden][name=keep_out]").AttrOr("value", "") != "people" {
		t.Error("fields are shown that the model does not read, or what they held is lost")
	}
}

func TestAFinishedPictureCanBeEnlargedWhereAModelDoesThat(t *testing.T) {
	one, four := pictureJob("one", "a red mug", 1), pictureJob("four", "a vase", 4)
	large := pictureJob("large", "a chair", 1)
	large.Effective.Width, large.Effective.Height = 768, 768
	desk := &shownDesk{jobs: []job.Job{one, four, large}}
	server := serve(t, desk)
	for _, offer := range []struct {
		j          job.Job
		card, page int
	}{{one, 1, 1}, {four, 0, 4}, {large, 0, 0}} {
		card, page := get(t, server.URL+"/jobs/"+offer.j.ID+"/card"), get(t, server.URL+"/jobs/"+offer.j.ID)
		if a, b := card.Find("form[action$='/enlarge']").Length(), page.Find("form[action$='/enlarge']").Length(); a != offer.card || b != offer.page {
			t.Errorf("%s: offered %d times on the card, %d on its page", offer.j.ID[:5], a, b)
		}
	}
	post(t, server.URL+"/jobs/"+four.ID+"/enlarge", url.Values{"model": {"sd-x4-upscaler"}, "index": {"2"}}, false)
	asked := desk.asked[0]
	if *asked.Model != "sd-x4-upscaler" || *asked.Image != (job.Source{Job: four.ID, Index: 2}) || *asked.Prompt != four.Effective.Prompt || asked.Product != nil || asked.Width != nil {
		t.Errorf("asked for %v", asked.Input())
	}
	if answer, _ := post(t, server.URL+"/jobs/"+four.ID+"/enlarge", url.Values{"index": {"x"}}, false); answer.StatusCode != http.StatusBadRequest || len(desk.asked) != 1 {
		t.Errorf("no picture: %d", answer.StatusCode)
	}
}

func TestAnErrorStandsAtItsFieldAndKeepsWhatWasTyped(t *testing.T) {
	desk := &shownDesk{away: &job.Error{Code: job.InvalidRequest, Message: "bad", Fields: []job.FieldError{{Path: "/steps", Message: "out of range"}}}}
	typed := url.Values{"words": {"a mug"}, "mode": {"product"}, "look": {"lifestyle"}, "shape": {"512x768"}, "n": {"2"}, "steps": {"900"}, "guidance": {"4.5"}, "scheduler": {"dpmpp_2m"}, "model": {"pocket-studio"}, "keep_out": {"people"}}
	server := serve(t, desk)

	answer, page := post(t, server.URL+"/jobs", typed, false)
	if answer.StatusCode != http.StatusBadRequest {
		t.Errorf("without script the page is %d", answer.StatusCode)
	}
	fragmentAnswer, fragment := post(t, server.URL+"/jobs", typed, true)
	if fragmentAnswer.StatusCode != http.StatusOK {
		t.Errorf("htmx would not swap %d", fragmentAnswer.StatusCode)
	}
	for _, shown := range []*goquery.Document{page, fragment} {
		bench := shown.Find("form#bench")
		if got := bench.Find("#error-steps").Text(); got != "Between 1 and 50 for Pocket Studio. Nothing was submitted." {
			t.Errorf("the error reads %q", got)
		}
		if steps := bench.Find("#steps"); steps.AttrOr("value", "") != "900" || steps.AttrOr("aria-describedby", "") != "error-steps" {
			t.Errorf("the field lost its value or its error")
		}
		if _, open := bench.Find("#fine").Attr("checked"); !open {
			t.Error("the error is hidden in the folded fine controls")
		}
		if bench.Find("[aria-invalid]").Length() != 1 || bench.Find("#words").Text() != "a mug" || bench.Find("[name=look][checked]").AttrOr("value", "") != "lifestyle" {
			t.Error("what was typed is lost")
		}
	}
}

func TestUnreadableNumbersAndMissingWordsAreNotSubmitted(t *testing.T) {
	desk := &shownDesk{}
	_, bench := post(t, serve(t, desk).URL+"/jobs", url.Values{"steps": {"many"}, "seed": {"1.5"}, "guidance": {"x"}, "words": {" "}}, true)
	for field, text := range map[string]string{"words": "Say what to photograph.", "steps": "Between 1 and 50", "guidance": "Between 1 and 15", "seed": "A whole number from 0"} {
		if got := bench.Find("#error-" + field).Text(); !strings.HasPrefix(got, text) {
			t.Errorf("%s: %q", field, got)
		}
	}
	if len(desk.asked) != 0 {
		t.Error("it was submitted all the same")
	}
}

func TestADoubleClickIsOnePictureWhateverThisMachinesClockSays(t *testing.T) {
	for _, early := range []time.Duration{0, time.Hour, -time.Hour} {
		desk := &shownDesk{early: early}
		taken := queuedJob("taken", "", "waiting")
		taken.CreatedAt = desk.Now().Add(-time.Second)
		desk.taken = &taken
		typed := url.Values{"words": {"a mug"}, "key": {"K"}}
		post(t, serve(t, desk).URL+"/jobs", typed, true)
		if len(desk.keys) != 1 {
			t.Errorf("with the clock off by %v it was asked for %d times", early, len(desk.keys))
		}
		taken.CreatedAt = desk.Now().Add(-time.Minute) // the back button
		post(t, serve(t, desk).URL+"/jobs", typed, true)
		if len(desk.keys) != 3 || desk.keys[2] == "K" {
			t.Errorf("with the clock off by %v the same form a minute later was asked for as %v", early, desk.keys)
		}
	}
}

func TestASubmitAsksForWhatTheFormSays(t *testing.T) {
	desk := &shownDesk{}
	typed := url.Values{"words": {" a mug "}, "mode": {"product"}, "look": {"lifestyle"}, "shape": {"512x768"}, "n": {"2"}, "steps": {"30"}, "guidance": {"4,5"}, "scheduler": {"ddim"}, "seed": {"7"}, "model": {"pocket-studio"}, "keep_out": {"people"}}
	answer, page := post(t, serve(t, desk).URL+"/jobs", typed, true)
	if answer.StatusCode != http.StatusOK || len(desk.asked) != 1 {
		t.Fatalf("%d, asked %d times", answer.StatusCode, len(desk.asked))
	}
	asked := desk.asked[0]
	if *asked.Product != "a mug" || *asked.Preset != "lifestyle" || asked.Prompt != nil || *asked.Width != 512 || *asked.Height != 768 || *asked.N != 2 || *asked.Steps != 30 ||
		*asked.GuidanceScale != 4.5 || *asked.Scheduler != "ddim" || *asked.Seed != 7 || *asked.Model != "pocket-studio" || *asked.NegativePrompt != "people" {
		t.Errorf("asked for %+v", asked.Input())
	}
	if page.Find("hx-partial[hx-target='#roll'] article.card").Length() != 1 || page.Find("form#bench").Length() != 1 {
		t.Error("the answer is not a bench and a card for the roll")
	}
	if page.Find("#seed").AttrOr("value", "") != "" {
		t.Error("a seed that is not locked stays")
	}

	typed.Set("mode", "prompt")
	answer, _ = post(t, serve(t, desk).URL+"/jobs", typed, false)
	if answer.StatusCode != http.StatusSeeOther || !strings.HasPrefix(answer.Header.Get("Location"), "/jobs/") {
		t.Errorf("without script: %d to %q", answer.StatusCode, answer.Header.Get("Location"))
	}
	if last := desk.asked[len(desk.asked)-1]; *last.Prompt != "a mug" || last.Product != nil || last.Preset != nil {
		t.Errorf("a prompt is asked for as %v", last.Input())
	}
}

func TestAFullLineSaysWhenThereIsRoom(t *testing.T) {
	desk := &shownDesk{away: &job.Error{Code: job.QueueFull, Message: "full", RetryAfter: 18 * time.Second}}
	_, bench := post(t, serve(t, desk).URL+"/jobs", url.Values{"words": {"a mug"}}, true)
	if got := squeeze(bench.Find(".notice[role=alert]").Text()); got != "The line is full. This picture was not taken. There should be room in about 20 s. Try again" {
		t.Errorf("the notice reads %q", got)
	}
	if bench.Find("#words").Text() != "a mug" {
		t.Error("the words are lost")
	}
}

func TestAnotherModelBringsItsOwnChoicesAndKeepsTheWords(t *testing.T) {
	_, bench := post(t, serve(t, &shownDesk{}).URL+"/bench", url.Values{"words": {"a mug"}, "model": {"sdxl"}, "steps": {"20"}, "shape": {"512x512"}, "n": {"4"}}, true)
	if bench.Find("#words").Text() != "a mug" || bench.Find("#steps").AttrOr("value", "") != "30" || bench.Find("[name=shape][checked]").AttrOr("value", "") != "1024x1024" || bench.Find("[name=n]").Length() != 2 {
		t.Error("the bench mixes two models")
	}
}

func TestAModelThatIsGoneIsNamedAndTheWordsAreKept(t *testing.T) {
	old := pictureJob("old", "a red mug", 1)
	old.Model = "veteran"
	desk := &shownDesk{jobs: []job.Job{old}}
	server := serve(t, desk)
	const gone = "veteran is no longer offered. Pocket Studio is chosen instead."
	_, submitted := post(t, server.URL+"/jobs", url.Values{"words": {"a mug"}, "model": {"veteran"}, "steps": {"99"}, "scheduler": {"magic"}}, true)
	_, changed := post(t, server.URL+"/bench", url.Values{"words": {"a mug"}, "model": {"veteran"}}, true)
	for name, bench := range map[string]*goquery.Document{"submit": submitted, "change": changed, "link": get(t, server.URL+"/?words=a+mug&model=veteran"), "reuse": get(t, server.URL+"/?from="+old.ID)} {
		if got := bench.Find("#error-model").Text(); !strings.HasPrefix(got, gone) || !strings.HasSuffix(bench.Find("#words").Text(), "mug") {
			t.Errorf("%s: %q, words %q", name, got, bench.Find("#words").Text())
		}
		if steps := bench.Find("#steps").AttrOr("value", ""); steps != "20" || bench.Find("#model [selected]").AttrOr("value", "") != "pocket-studio" {
			t.Errorf("%s: the bench mixes two models: %s steps", name, steps)
		}
	}
	if len(desk.asked) != 0 {
		t.Error("it was submitted all the same")
	}
}

func TestReuseBringsTheSettingsBackAndVaryDropsTheSeed(t *testing.T) {
	j := pictureJob("bottle", "a green glass bottle", 1)
	desk := &shownDesk{jobs: []job.Job{j}}
	server := serve(t, desk)
	bench := get(t, server.URL+"/?from="+j.ID).Find("#bench")
	if bench.Find("#words").Text() != "a green glass bottle" || bench.Find("#seed").AttrOr("value", "") != "48213" || bench.Find("#keep-out").AttrOr("value", "") != "text, people" {
		t.Error("the settings did not come back")
	}
	post(t, server.URL+"/jobs/"+j.ID+"/vary", nil, true)
	post(t, server.URL+"/jobs/"+j.ID+"/again", nil, true)
	if len(desk.asked) != 2 || desk.asked[0].Seed != nil || desk.asked[1].Seed == nil || *desk.asked[1].Seed != 48213 {
		t.Errorf("vary and again asked for %+v", desk.asked)
	}
}

func TestADoubleClickOnVaryIsOnePictureWithoutScriptToo(t *testing.T) {
	j := pictureJob("bottle", "a green glass bottle", 1)
	desk := &shownDesk{jobs: []job.Job{j}}
	server := serve(t, desk)
	for range 3 { // one pair at least lies within the same ten seconds
		post(t, server.URL+"/jobs/"+j.ID+"/vary", nil, false)
	}
	post(t, server.URL+"/jobs/"+j.ID+"/again", nil, false)
	post(t, server.URL+"/jobs/"+j.ID+"/vary", nil, true) // htmx disables the button: each press is another wish
	k := desk.keys
	if k[0] != k[1] && k[1] != k[2] || k[3] == k[2] || k[4] == k[2] {
		t.Errorf("asked with the keys %q", k)
	}
}

func post(t *testing.T, address string, form url.Values, script bool) (*http.Response, *goquery.Document) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, address, strings.NewReader(form.Encode())) //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if script {
		request.Header.Set("HX-Request", "true")
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	page, err := goquery.NewDocumentFromReader(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, page
}
