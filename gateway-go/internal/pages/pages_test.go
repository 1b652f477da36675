package pages

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"darkroom/gateway/internal/job"
	"darkroom/web"
)

func TestAnUnchangedCardCostsAtMost300Bytes(t *testing.T) {
	j := sampleJobs()["running"]
	server := serve(t, &shownDesk{jobs: []job.Job{j}})
	first, err := http.Get(server.URL + "/jobs/" + j.ID + "/card") //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	first.Body.Close()

	line, err := net.Dial("tcp", server.Listener.Addr().String()) //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	fmt.Fprintf(line, "GET /jobs/%s/card HTTP/1.1\r\nHost: x\r\nIf-None-Match: %s\r\nConnection: close\r\n\r\n", j.ID, first.Header.Get("ETag"))
	answer, err := io.ReadAll(line)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(answer), "HTTP/1.1 304 ") || len(answer) > 300 {
		t.Errorf("%d bytes: %s", len(answer), answer)
	}
}

func TestTroubleKeepsTheCardAndGoesOnPolling(t *testing.T) {
	j := sampleJobs()["running"]
	desk := &shownDesk{jobs: []job.Job{j}, away: &job.Error{Code: job.LedgerUnavailable, Message: "away"}}
	server := serve(t, desk)
	for _, path := range []string{"/card", "/sheet"} {
		answer, err := http.Get(server.URL + "/jobs/" + j.ID + path) //nolint:noctx // a test
		if err != nil {
			t.Fatal(err)
		}
		page, _ := goquery.NewDocumentFromReader(answer.Body)
		answer.Body.Close()
		partial := page.Find("hx-partial[hx-target='#trouble-" + j.ID + "']")
		if answer.StatusCode != http.StatusOK || partial.Length() != 1 || page.Find(".card, .sheet").Length() != 0 {
			t.Errorf("%s: %d and %d notices, %d cards", path, answer.StatusCode, partial.Length(), page.Find(".card").Length())
		}
		if got := squeeze(partial.Text()); got != "Darkroom can’t be reached. What you see is kept, and pictures already in line go on. Next try in 5 s." {
			t.Errorf("%s says %q", path, got)
		}
		if answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: the sentence would be cached over the card", path)
		}
	}
}

func TestAJobThatIsGoneGetsALastCardThatNoLongerPolls(t *testing.T) {
	server := serve(t, &shownDesk{})
	for _, path := range []string{"/card", "/sheet"} {
		page := get(t, server.URL+"/jobs/nobody"+path)
		if !strings.Contains(page.Text(), "Gone") || page.Find("[hx-trigger]").Length() != 0 {
			t.Errorf("%s: %q", path, squeeze(page.Text()))
		}
	}
	answer, err := http.Get(server.URL + "/jobs/nobody") //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusNotFound {
		t.Errorf("its page is %d", answer.StatusCode)
	}
}

func TestAPageLoadsItselfAgainWithoutScriptOnlyWhileItsJobLives(t *testing.T) {
	jobs := sampleJobs()
	for name, again := range map[string]bool{"running": true, "queued": true, "succeeded": false, "failed": false} {
		page := get(t, serve(t, &shownDesk{jobs: []job.Job{jobs[name]}}).URL+"/jobs/"+jobs[name].ID)
		noscript := page.Find("head noscript").Text()
		if strings.Contains(noscript, `http-equiv="refresh"`) != again {
			t.Errorf("%s: noscript holds %q", name, noscript)
		}
	}
}

func TestNothingInlineNothingForeignAndEveryPictureHasItsBox(t *testing.T) {
	desk := &shownDesk{jobs: allJobs()}
	server := serve(t, desk)
	one := sampleJobs()["four"].ID
	for _, path := range []string{"/", "/jobs/" + one, "/status", "/compare?pick=" + one + "&pick=" + sampleJobs()["succeeded"].ID, "/docs", "/jobs/" + one + "/delete"} {
		page := get(t, server.URL+path)
		if page.Find("title").Text() == "" {
			t.Errorf("%s did not render", path)
		}
		if n := page.Find("style, [style], script:not([src]), [hx-on]").Length(); n > 0 {
			t.Errorf("%s: %d inline styles or scripts", path, n)
		}
		page.Find("*").Each(func(_ int, s *goquery.Selection) {
			for _, attribute := range s.Nodes[0].Attr {
				if strings.HasPrefix(attribute.Key, "on") || strings.HasPrefix(attribute.Key, "hx-on") || strings.HasPrefix(attribute.Key, "hx-trigger") && strings.Contains(attribute.Val, "[") {
					t.Errorf("%s: %s=%q needs eval or inline script", path, attribute.Key, attribute.Val)
				}
				if (attribute.Key == "src" || attribute.Key == "href" || attribute.Key == "action") && strings.Contains(attribute.Val, "//") {
					t.Errorf("%s: %s leaves the origin: %q", path, attribute.Key, attribute.Val)
				}
			}
		})
		page.Find("img").Each(func(_ int, img *goquery.Selection) {
			if img.AttrOr("width", "") == "" || img.AttrOr("height", "") == "" {
				t.Errorf("%s: %q has no box", path, img.AttrOr("src", ""))
			}
		})
	}
}

func TestTheRollGoesOnAsItScrolls(t *testing.T) {
	desk := &shownDesk{}
	for i := range rollPart + 3 {
		desk.jobs = append(desk.jobs, pictureJob(fmt.Sprintf("p%d", i), "a mug", 1))
	}
	page := get(t, serve(t, desk).URL+"/")
	more := page.Find("#roll > .more")
	if page.Find("#roll > .card").Length() != rollPart || more.AttrOr("hx-get", "") != "/roll?cursor=more" || more.AttrOr("hx-trigger", "") != "revealed" {
		t.Errorf("%d cards, then %q", page.Find("#roll > .card").Length(), more.AttrOr("hx-get", ""))
	}
	if more.Find("a").AttrOr("href", "") != "/?cursor=more" {
		t.Error("without script there is no way on")
	}
	if page.Find("#count").Text() != "27 pictures" {
		t.Errorf("the roll counts %q", page.Find("#count").Text())
	}
}

func TestARollThatIsNobodysIsABadRequestAndSaysSo(t *testing.T) {
	server := serve(t, &shownDesk{})
	answer, err := http.Get(server.URL + "/?cursor=junk") //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusBadRequest || !strings.Contains(get(t, server.URL+"/?cursor=junk").Text(), "This part of the roll is not yours") {
		t.Errorf("%d", answer.StatusCode)
	}
}

func TestTheCodeBoxShowsTheAddressThatTheCallerUses(t *testing.T) {
	j := sampleJobs()["succeeded"]
	server := serve(t, &shownDesk{jobs: []job.Job{j}})
	for proto, want := range map[string]string{"http": "http://", "https": "https://"} {
		request, err := http.NewRequest(http.MethodGet, server.URL+"/jobs/"+j.ID, http.NoBody) //nolint:noctx // a test
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Forwarded-Proto", proto)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		page, _ := goquery.NewDocumentFromReader(answer.Body)
		answer.Body.Close()
		if text := page.Find("pre.curl").Text(); !strings.HasPrefix(text, "curl -X POST "+want+request.Host+"/v1/jobs ") {
			t.Errorf("%s: %s", proto, text)
		}
	}
}

func TestTheBooksShowBothSidesAndTheZero(t *testing.T) {
	page := get(t, serve(t, &shownDesk{}).URL+"/status")
	for id, want := range map[string]string{"accepted": "12,481", "succeeded": "12,101", "failed": "87", "canceled": "241", "expired": "38", "in-flight": "14", "unaccounted": "0"} {
		if got := page.Find("#" + id).Text(); got != want {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
	if got := squeeze(page.Find("main > .soft").First().Text()); !strings.HasPrefix(got, "Since 1 November 2026. Counted at ") {
		t.Errorf("it begins with %q", got)
	}
	word := squeeze(page.Find(".word").Text())
	for _, want := range []string{"Estimates that held93.1 % of 12,061", "Last worker lostworker 4, silent since 20 November, 14:02", "Queue, ledger, storeall reachable"} {
		if !strings.Contains(word, want) {
			t.Errorf("our word is %q, without %q", word, want)
		}
	}
	if page.Find(".workers tbody tr").Length() != 3 || page.Find(".workers .lamp.lit").Length() != 2 {
		t.Error("three workers, two of them at work, are not shown")
	}
	if _, lit := page.Find("#strip").Attr("data-lit"); !lit || !strings.Contains(page.Find("#strip").Text(), "3 workers") {
		t.Errorf("the strip reads %q", squeeze(page.Find("#strip").Text()))
	}
}

func TestOnlyTheStatusPageReadsTheBooks(t *testing.T) {
	desk := &shownDesk{jobs: allJobs()}
	server := serve(t, desk)
	for _, path := range []string{"/", "/strip", "/jobs/" + desk.jobs[0].ID} { // every open page asks for the strip every 5 s
		get(t, server.URL+path)
	}
	if desk.books != 0 {
		t.Errorf("the books were read %d times", desk.books)
	}
}

func TestStaticFilesAreKeptForEverAndTheStyleStaysLight(t *testing.T) {
	server := serve(t, &shownDesk{})
	page := get(t, server.URL+"/")
	style := page.Find("link[rel=stylesheet]").AttrOr("href", "")
	if !regexp.MustCompile(`^/static/darkroom\.[0-9a-f]{12}\.css$`).MatchString(style) {
		t.Fatalf("the style is at %q", style)
	}
	answer, err := http.Get(server.URL + style) //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	if answer.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/css") {
		t.Errorf("headers %v", answer.Header)
	}
	if len(body) > 32_000 {
		t.Errorf("the style weighs %d bytes, of 32,000", len(body))
	}
	for _, reference := range regexp.MustCompile(`url\(([^)]+)\)`).FindAllStringSubmatch(string(body), -1) {
		file, err := http.Get(server.URL + reference[1]) //nolint:noctx // a test
		if err != nil {
			t.Fatal(err)
		}
		file.Body.Close()
		if file.StatusCode != http.StatusOK {
			t.Errorf("the style asks for %s: %d", reference[1], file.StatusCode)
		}
	}
}

func TestVendoredFilesAreTheOnesThatTheirListNames(t *testing.T) {
	list, err := fs.ReadFile(web.Vendor, "vendor/README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("`([^`]+/[^`]+)` \\| `([0-9a-f]{64})`").FindAllStringSubmatch(string(list), -1)
	if len(rows) != 5 {
		t.Fatalf("the list names %d files", len(rows))
	}
	for _, row := range rows {
		content, err := fs.ReadFile(web.Vendor, "vendor/"+row[1])
		if err != nil {
			t.Error(err)
			continue
		}
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != row[2] {
			t.Errorf("%s is %x", row[1], sum)
		}
	}
}
