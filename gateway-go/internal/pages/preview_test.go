package pages

import (
	"image"
	"image/color"
	"image/png"
	"net/http"
	"os"
	"testing"
	"time"

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
	simulated := pictureJob("simul", "a red enamel mug", 1)
	simulated.Simulated = true
	desk.jobs = append(desk.jobs, simulated)
	mux := handlerOf(t, desk)
	mux.HandleFunc("GET /v1/jobs/{id}/{rest...}", drawn)
	mux.Handle("/empty/", http.StripPrefix("/empty", handlerOf(t, &shownDesk{})))
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
