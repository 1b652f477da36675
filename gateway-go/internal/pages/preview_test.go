package pages

import (
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"darkroom/gateway/internal/api"
	"darkroom/gateway/internal/job"
)

// TestPreview is for designers: PAGES_PREVIEW=127.0.0.1:8099 go test -timeout 0 -run TestPreview ./internal/pages
// serves every state of the page with sample jobs, until interrupted. Without the address it is skipped.
func TestPreview(t *testing.T) {
	address := os.Getenv("PAGES_PREVIEW")
	if address == "" {
		t.Skip("PAGES_PREVIEW names no address")
	}
	jobs := sampleJobs()
	order := []string{"running", "queued", "succeeded", "four", "failed", "next", "canceled", "recovering", "no worker", "retry", "loading", "starting", "running blind", "finishing", "expired"}
	desk := &shownDesk{}
	for _, name := range order {
		desk.jobs = append(desk.jobs, jobs[name])
	}
	simulated := pictureJob("simul", "a red enamel mug with "+repeat("averylongword", 20), 1)
	simulated.Simulated = true
	other := pictureJob("other", "a green glass bottle", 1)
	other.Effective.Seed, other.Effective.GuidanceScale, other.Metrics.TotalMS = 48214, 4.5, ref[int64](1640)
	done := &shownDesk{idle: true}
	for i, words := range []string{"a glossy blue vase, warm seamless backdrop", "a glazed ceramic vase", "a green glass bottle", "a red enamel mug", "black headphones, warm backdrop", "a green teapot on grey",
		"a purple bowl from above", "a blue sneaker, hard light", "a turquoise perfume bottle", "a blue vase", "a red mug on white"} {
		n := 1
		if i == 1 {
			n = 4
		}
		done.jobs = append(done.jobs, pictureJob(fmt.Sprintf("done%d", i), words, n))
	}
	small := &shownDesk{idle: true} // pictures as small as the default model's, which must not be blown up
	for i, words := range []string{"a glossy blue vase", "a glazed ceramic vase", "a green glass bottle", "a red enamel mug"} {
		n := 1
		if i == 1 {
			n = 4
		}
		j := pictureJob(fmt.Sprintf("small%d", i), words, n)
		j.Effective.Width, j.Effective.Height = 256, 256
		for k := range j.Outputs {
			j.Outputs[k].Width, j.Outputs[k].Height = 256, 256
		}
		small.jobs = append(small.jobs, j)
	}
	desk.jobs = append(desk.jobs, simulated, other)
	mux := handlerOf(t, desk)
	mux.HandleFunc("GET /v1/jobs/{id}/{rest...}", drawn)
	contract, err := api.ReadContract()
	if err != nil {
		t.Fatal(err)
	}
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(contract) })
	mux.HandleFunc("GET /names", func(w http.ResponseWriter, _ *http.Request) {
		ids := map[string]string{"other": other.ID, "small": small.jobs[0].ID, "small_four": small.jobs[1].ID}
		for name, j := range jobs {
			ids[strings.ReplaceAll(name, " ", "_")] = j.ID
		}
		_ = json.NewEncoder(w).Encode(ids)
	})
	mux.Handle("/done/", http.StripPrefix("/done", handlerOf(t, done)))
	mux.Handle("/small/", http.StripPrefix("/small", handlerOf(t, small)))
	mux.Handle("/empty/", http.StripPrefix("/empty", handlerOf(t, &shownDesk{idle: true})))
	mux.Handle("/away/", http.StripPrefix("/away", handlerOf(t, &shownDesk{away: &job.Error{Code: job.LedgerUnavailable, Message: "away"}})))
	server := &http.Server{Addr: address, ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		mux.ServeHTTP(w, r)
	})}
	t.Log("serving", address)
	t.Fatal(server.ListenAndServe())
}

// drawn stands in for pictures: a ball on a backdrop, of a colour of its own.
func drawn(w http.ResponseWriter, r *http.Request) {
	const side = 512
	picture := image.NewRGBA(image.Rect(0, 0, side, side))
	hue := 0
	for _, c := range r.URL.Path {
		hue = hue*31 + int(c)
	}
	ball := color.RGBA{uint8(hue), uint8(hue >> 8), uint8(hue >> 4), 255}
	for y := range side {
		for x := range side {
			dx, dy := x-256, y-270
			shade := color.RGBA{uint8(214 - y/12), uint8(196 - y/12), uint8(170 - y/12), 255}
			if dx*dx+dy*dy < 130*130 {
				shade = ball
			}
			picture.SetRGBA(x, y, shade)
		}
	}
	w.Header().Set("Content-Type", "image/png")
	_ = png.Encode(w, picture)
}
