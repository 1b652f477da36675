package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"darkroom/gateway/internal/job"
)

const mug = `{"prompt":"a mug","model":"simulated"}`

func TestAJobIsSubmittedPolledCanceledAndDeleted(t *testing.T) {
	p := startReady(t, nil).person(t)
	made := p.submit(`{"prompt":"a mug","model":"simulated","seed":7,"metadata":{"order":"4711"}}`)
	path := made.Header.Get("Location")
	if made.StatusCode != http.StatusAccepted || path != made.json["urls"].(map[string]any)["self"] || made.Header.Get("Retry-After") == "" {
		t.Fatalf("%d %v: %s", made.StatusCode, made.Header, made.text)
	}
	polled := p.send(http.MethodGet, path, "")
	if polled.StatusCode != http.StatusOK || polled.json["id"] != made.json["id"] || polled.json["effective"].(map[string]any)["seed"] != 7.0 ||
		polled.json["metadata"].(map[string]any)["order"] != "4711" || polled.json["simulated"] != true {
		t.Errorf("%d: %s", polled.StatusCode, polled.text)
	}
	canceled := p.send(http.MethodPost, path+"/cancel", "")
	again := p.send(http.MethodPost, path+"/cancel", "")
	if canceled.StatusCode != http.StatusOK || !job.Status(canceled.json["status"].(string)).Terminal() || again.Header.Get("Etag") != canceled.Header.Get("Etag") {
		t.Errorf("canceled: %s\nagain: %s", canceled.text, again.text)
	}
	ended := p.send(http.MethodGet, path, "")
	if unchanged := p.send(http.MethodGet, path, "", "If-None-Match: "+ended.Header.Get("Etag")); unchanged.StatusCode != http.StatusNotModified {
		t.Errorf("an ended job changed: %d: %s", unchanged.StatusCode, unchanged.text)
	}
	if deleted := p.send(http.MethodDelete, path, ""); deleted.StatusCode != http.StatusNoContent {
		t.Errorf("deleted: %d: %s", deleted.StatusCode, deleted.text)
	}
	for _, gone := range []answer{p.send(http.MethodGet, path, ""), p.send(http.MethodGet, path+"/images/0", ""), p.send(http.MethodPost, path+"/cancel", "")} {
		if gone.StatusCode != http.StatusGone || gone.json["code"] != "expired" {
			t.Errorf("afterwards: %d: %s", gone.StatusCode, gone.text)
		}
	}
}

func TestAnIdempotencyKeyMakesOneJob(t *testing.T) {
	p := startReady(t, nil).person(t)
	p.send(http.MethodGet, "/v1/limits", "") // the first answer brings the cookie that makes the fifty one person
	var all sync.WaitGroup
	answers := make([]answer, 50)
	for i := range answers {
		all.Go(func() { answers[i] = p.send(http.MethodPost, "/v1/jobs", mug, "Idempotency-Key: one") })
	}
	all.Wait()
	id, first := answers[0].json["id"], 0
	for _, got := range answers {
		if got.StatusCode != http.StatusAccepted || got.json["id"] != id {
			t.Errorf("%d: %s", got.StatusCode, got.text)
		}
		if got.Header.Get("Idempotency-Replayed") == "" {
			first++
		}
	}
	if first != 1 {
		t.Errorf("%d answers say that they made the job", first)
	}
	if spelled := p.send(http.MethodPost, "/v1/jobs", ` { "model": "simulated", "prompt": "a \u006dug" } `, "Idempotency-Key: one"); spelled.json["id"] != id {
		t.Errorf("the same request in another spelling: %d: %s", spelled.StatusCode, spelled.text)
	}
	if other := p.send(http.MethodPost, "/v1/jobs", `{"prompt":"a jar","model":"simulated"}`, "Idempotency-Key: one"); other.StatusCode != http.StatusUnprocessableEntity || other.json["code"] != "idempotency_conflict" {
		t.Errorf("another body: %d: %s", other.StatusCode, other.text)
	}
	p.send(http.MethodDelete, fmt.Sprint("/v1/jobs/", id), "")
}

func TestAValueThatCannotBeUsedIsRefusedAtItsFieldAndNothingIsMade(t *testing.T) {
	p := startReady(t, nil).person(t)
	for name, c := range map[string]struct{ setting, path, code string }{
		"width 0":              {`"width":0`, "/width", "invalid_request"},
		"width -8":             {`"width":-8`, "/width", "invalid_request"},
		"height 7":             {`"height":7`, "/height", "invalid_request"},
		"width 513":            {`"width":513`, "/width", "invalid_request"},
		"height 2^31":          {`"height":2147483648`, "/height", "invalid_request"},
		"width 2^64":           {`"width":18446744073709551616`, "/width", "invalid_request"},
		"steps 0":              {`"steps":0`, "/steps", "invalid_request"},
		"steps 10^9":           {`"steps":1000000000`, "/steps", "invalid_request"},
		"n 10^6":               {`"n":1000000`, "/n", "invalid_request"},
		"n 0":                  {`"n":0`, "/n", "invalid_request"},
		"seed -1":              {`"seed":-1`, "/seed", "invalid_request"},
		"seed 2^64":            {`"seed":18446744073709551616`, "/seed", "invalid_request"},
		"seed 2^32":            {`"seed":4294967296`, "/seed", "invalid_request"},
		"guidance NaN":         {`"guidance_scale":NaN`, "/guidance_scale", "invalid_request"},
		"guidance inf":         {`"guidance_scale":1e999`, "/guidance_scale", "invalid_request"},
		"guidance -1":          {`"guidance_scale":-1`, "/guidance_scale", "invalid_request"},
		"a scheduler":          {`"scheduler":"magic"`, "/scheduler", "invalid_request"},
		"a format":             {`"format":"gif"`, "/format", "invalid_request"},
		"a deadline of 0":      {`"deadline_seconds":0`, "/deadline_seconds", "invalid_request"},
		"a deadline of 2^16":   {`"deadline_seconds":65536`, "/deadline_seconds", "invalid_request"},
		"an unknown setting":   {`"colour":"red"`, "/colour", "invalid_request"},
		"null":                 {`"seed":null`, "/seed", "invalid_request"},
		"another model":        {`"model":"no-such-model"`, "/model", "unknown_model"},
		"a prompt too long":    {`"prompt":"` + strings.Repeat("é", 10_001) + `"`, "/prompt", "prompt_too_long"},
		"an empty prompt":      {`"prompt":""`, "/prompt", "invalid_request"},
		"a prompt of blanks":   {`"prompt":" \t\r\n"`, "/prompt", "invalid_request"},
		"a NUL in the prompt":  {`"prompt":"a\u0000mug"`, "/prompt", "invalid_request"},
		"half a surrogate":     {`"prompt":"a \ud83d mug"`, "/prompt", "invalid_request"},
		"metadata of 4 kB":     {`"metadata":{"a":"` + strings.Repeat("b", 4096) + `"}`, "/metadata/a", "invalid_request"},
		"prompt and product":   {`"product":"a jar"`, "/product", "invalid_request"},
		"a preset of a prompt": {`"preset":"studio"`, "/preset", "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			body := `{` + c.setting
			for _, usual := range []string{`"model":"simulated"`, `"prompt":"a mug"`} {
				if member, _, _ := strings.Cut(usual, ":"); !strings.HasPrefix(c.setting, member) {
					body += `,` + usual
				}
			}
			got := p.send(http.MethodPost, "/v1/jobs", body+`}`)
			if got.StatusCode != http.StatusBadRequest || got.json["code"] != c.code || !strings.Contains(string(got.text), `"path":"`+c.path+`"`) {
				t.Errorf("%d: %s", got.StatusCode, got.text)
			}
		})
	}
	if all := p.send(http.MethodGet, "/v1/jobs", ""); all.json["total"] != 0.0 {
		t.Errorf("something was made: %s", all.text)
	}
}

func TestStrangeWordsAreKeptAsText(t *testing.T) {
	p := startReady(t, nil).person(t)
	for _, words := range []string{"مرحبا بالعالم", "<script>alert(1)</script>", "{{7*7}} %s {} ${x}", `a\r\nSet-Cookie: x=y`, "\\ud83d\\ude00 \u200f\u202e"} {
		made := p.submit(`{"model":"simulated","prompt":"` + words + `"}`)
		if made.StatusCode != http.StatusAccepted {
			t.Errorf("%s: %d: %s", words, made.StatusCode, made.text)
			continue
		}
		polled := p.send(http.MethodGet, made.Header.Get("Location"), "")
		kept := polled.json["input"].(map[string]any)["prompt"].(string)
		want := strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\ud83d\ude00`, "😀").Replace(words)
		if kept != want || polled.json["effective"].(map[string]any)["prompt"] != want {
			t.Errorf("%q became %q", want, kept)
		}
	}
}

func TestWhatIsNotMineLooksLikeWhatIsNot(t *testing.T) {
	g := startReady(t, nil)
	mine, stranger := g.person(t), g.person(t)
	id := mine.submit(mug).json["id"].(string)
	other := "0"
	if id[20:21] == "0" {
		other = "1"
	}
	var first answer
	for name, path := range map[string]string{
		"a foreign id": id, "a flipped bit": id[:20] + other + id[21:], "forged": id[:29] + strings.Repeat("0", 13), "old": strings.Repeat("0", 42),
		"upper case": strings.ToUpper(id), "short": "x", "4 kB": strings.Repeat("a", 4096), "up and away": "%2e%2e%2f", "a NUL": "%00", "not UTF-8": "%ff",
	} {
		for _, end := range []string{"", "/images/0", "/preview"} {
			got := stranger.send(http.MethodGet, "/v1/jobs/"+path+end, "")
			if got.StatusCode != http.StatusNotFound || got.json["code"] != "not_found" {
				t.Errorf("%s%s: %d: %s", name, end, got.StatusCode, got.text)
			}
			if end == "" && path != "%2e%2e%2f" {
				if first.json == nil {
					first = got
				}
				if got.json["detail"] != first.json["detail"] || len(got.text) != len(first.text) {
					t.Errorf("%s is told from the others: %s", name, got.text)
				}
			}
		}
		if got := stranger.send(http.MethodPost, "/v1/jobs/"+path+"/cancel", ""); got.StatusCode != http.StatusNotFound {
			t.Errorf("cancel of %s: %d", name, got.StatusCode)
		}
		if got := stranger.send(http.MethodDelete, "/v1/jobs/"+path, ""); got.StatusCode != http.StatusNotFound {
			t.Errorf("deletion of %s: %d", name, got.StatusCode)
		}
	}
	if got := mine.send(http.MethodGet, "/v1/jobs/"+id, ""); got.StatusCode != http.StatusOK {
		t.Errorf("my own: %d: %s", got.StatusCode, got.text)
	}
}

func TestMyJobsAreListedNewestFirstAndNobodyElses(t *testing.T) {
	g := startReady(t, nil)
	mine, stranger := g.person(t), g.person(t)
	var made []string
	for range 5 {
		made = append([]string{mine.submit(mug).json["id"].(string)}, made...)
	}
	var seen []string
	for cursor, pages := "", 0; pages < 3; pages++ {
		page := mine.send(http.MethodGet, "/v1/jobs?limit=2&cursor="+cursor, "")
		if page.json["total"] != 5.0 {
			t.Errorf("total: %s", page.text)
		}
		for _, one := range page.json["jobs"].([]any) {
			seen = append(seen, one.(map[string]any)["id"].(string))
		}
		if cursor = page.json["next"].(string); cursor == "" {
			break
		}
	}
	if strings.Join(seen, " ") != strings.Join(made, " ") {
		t.Errorf("made %v, listed %v", made, seen)
	}
	if theirs := stranger.send(http.MethodGet, "/v1/jobs", ""); theirs.json["total"] != 0.0 {
		t.Errorf("a stranger sees %s", theirs.text)
	}
	if got := mine.send(http.MethodGet, "/v1/jobs?cursor=nonsense", ""); got.StatusCode != http.StatusBadRequest && got.StatusCode != http.StatusOK {
		t.Errorf("a cursor of nonsense: %d: %s", got.StatusCode, got.text)
	}
}

func TestADryRunSaysWhatWouldRunAndMakesNothing(t *testing.T) {
	p := startReady(t, nil).person(t)
	got := p.send(http.MethodPost, "/v1/jobs?dry_run=true", `{"model":"simulated","prompt":"a mug","seed":3}`)
	if got.StatusCode != http.StatusOK || got.json["effective"].(map[string]any)["seed"] != 3.0 || got.json["id"] != nil {
		t.Errorf("%d: %s", got.StatusCode, got.text)
	}
	if all := p.send(http.MethodGet, "/v1/jobs", ""); all.json["total"] != 0.0 {
		t.Errorf("something was made: %s", all.text)
	}
}

func TestTheCatalogueAndTheLimitsAreToldAsTheContractSays(t *testing.T) {
	p := startReady(t, nil).person(t)
	models := p.send(http.MethodGet, "/v1/models", "")
	if models.StatusCode != http.StatusOK || len(models.json["models"].([]any)) == 0 {
		t.Errorf("%d: %s", models.StatusCode, models.text)
	}
	if limits := p.send(http.MethodGet, "/v1/limits", ""); limits.StatusCode != http.StatusOK || limits.json["prompt_characters"] != 10_000.0 {
		t.Errorf("%d: %s", limits.StatusCode, limits.text)
	}
}

func TestAServiceForKeysOnlyServesWhoHoldsOne(t *testing.T) {
	file := t.TempDir() + "/keys"
	g := startReady(t, map[string]string{"GATEWAY_API_KEYS_FILE": file, "GATEWAY_ANONYMOUS": "false"})
	nobody := g.person(t)
	for _, path := range []string{"/v1/jobs", "/v1/models", "/v1/limits", "/"} {
		if got := nobody.send(http.MethodGet, path, ""); got.StatusCode != http.StatusUnauthorized || got.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s without a key: %d", path, got.StatusCode)
		}
	}
	if got := nobody.send(http.MethodGet, "/v1/jobs", ""); got.Header.Get("Www-Authenticate") != "Bearer" {
		t.Errorf("not told how: %v", got.Header)
	}
}
