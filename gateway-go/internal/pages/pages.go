// Package pages is the studio: HTML pages and htmx fragments. It only translates between forms, templates and orders.
package pages

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"darkroom/gateway/internal/job"
)

// Desk is what the page asks of the orders room.
type Desk interface {
	Submit(ctx context.Context, owner string, request job.Request, key string) (job.Job, bool, error)
	Read(ctx context.Context, owner, id string) (job.Job, error)
	Cancel(ctx context.Context, owner, id string) (job.Job, error)
	Delete(ctx context.Context, owner, id string) error
	List(ctx context.Context, owner, cursor string, limit int) (job.Page, error)
	Models(ctx context.Context) ([]job.Model, error)
	Offered() []job.Model // the catalogue alone
	Limits() job.Limits
	Now() time.Time // as jobs and workers are dated; this machine's own clock may be wrong
	Workers(ctx context.Context) ([]job.Worker, error)
	Status(ctx context.Context) (job.ServiceStatus, error)
}

// Studio serves the pages. All fields are required.
type Studio struct {
	Desk  Desk
	Owner func(http.ResponseWriter, *http.Request) (string, error) // who asks; may set a cookie
	// StatusOf maps a refusal to its HTTP status.
	StatusOf func(error) int
	HTTPS    func(*http.Request) bool // whether the caller came by https, for addresses that are shown
	Missing  func() []string          // which of redis, s3 and rabbitmq could not be used a moment ago
	Log      *slog.Logger

	assets *assets
	render *renderer
}

// Mux takes routes.
type Mux interface {
	Handle(pattern string, handler http.Handler)
}

// Register parses every template and puts every route of the page on mux. An error means that the binary is broken.
func (s *Studio) Register(mux Mux) error {
	var err error
	if s.assets, err = loadAssets(); err != nil {
		return err
	}
	if s.render, err = parseTemplates(s.assets); err != nil {
		return err
	}
	mux.Handle("GET /{$}", s.page(s.studio))
	mux.Handle("GET /roll", s.fragment(s.roll))
	mux.Handle("POST /bench", s.page(s.changeModel))
	mux.Handle("POST /bench/picture", s.page(s.loadPicture))
	mux.Handle("POST /jobs", s.page(s.submit))
	mux.Handle("GET /jobs/{id}", s.page(s.job))
	mux.Handle("GET /jobs/{id}/card", s.fragment(s.pollCard))
	mux.Handle("GET /jobs/{id}/sheet", s.fragment(s.pollSheet))
	mux.Handle("POST /jobs/{id}/cancel", s.act(s.cancel))
	mux.Handle("POST /jobs/{id}/again", s.act(s.again))
	mux.Handle("POST /jobs/{id}/vary", s.act(s.vary))
	mux.Handle("POST /jobs/{id}/enlarge", s.act(s.enlarge))
	mux.Handle("GET /jobs/{id}/delete", s.page(s.askDelete))
	mux.Handle("POST /jobs/{id}/delete", s.act(s.remove))
	mux.Handle("GET /compare", s.page(s.compare))
	mux.Handle("GET /status", s.page(s.status))
	mux.Handle("GET /status/books", s.fragment(s.pollBooks))
	mux.Handle("GET /strip", s.fragment(s.pollStrip))
	mux.Handle("GET /docs", http.HandlerFunc(s.docs))
	mux.Handle("GET /static/{name}", s.assets)
	return nil
}

// handler answers one request of a known owner, or says why not.
type handler func(w http.ResponseWriter, r *http.Request, owner string) error

// page answers trouble with a whole page and its true status.
func (s *Studio) page(h handler) http.Handler {
	return s.answer(h, s.Refuse)
}

// fragment answers trouble with 200 and words that are added to what is on the page: a poll never dies silently.
func (s *Studio) fragment(h handler) http.Handler {
	return s.answer(h, s.troubleFragment)
}

// act is a form's button: a fragment for htmx, a page without script.
func (s *Studio) act(h handler) http.Handler {
	return s.answer(h, func(w http.ResponseWriter, r *http.Request, err error) {
		if fromHTMX(r) {
			s.troubleFragment(w, r, err)
			return
		}
		s.Refuse(w, r, err)
	})
}

func (s *Studio) answer(h handler, trouble func(http.ResponseWriter, *http.Request, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		owner, err := s.Owner(w, r)
		if err == nil {
			err = h(w, r, owner)
		}
		if errors.Is(err, job.ErrNoAnswer) {
			blame(w, err)
			panic(http.ErrAbortHandler) // nothing true can be said: the connection is dropped, the form's key makes a repeat safe
		}
		if err != nil {
			trouble(w, r, err)
		}
	})
}

// maxForm bounds a posted form, in bytes: the longest prompt, percent-encoded, with room.
const maxForm = 256 << 10

func fromHTMX(r *http.Request) bool { return r.Header.Get("HX-Request") == "true" }
