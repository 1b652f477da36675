// Package api is the JSON API: it only translates between HTTP and orders.
package api

import (
	"context"
	"net/http"
	"time"

	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/orders"
	"darkroom/gateway/internal/problem"
)

// Desk is what the API asks of the orders room.
type Desk interface {
	Submit(ctx context.Context, owner string, request job.Request, key string) (accepted job.Job, replayed bool, err error)
	DryRun(ctx context.Context, owner string, request job.Request) (job.Estimate, error)
	Read(ctx context.Context, owner, id string) (job.Job, error)
	Wait(ctx context.Context, owner, id string, limit time.Duration) (job.Job, error)
	Cancel(ctx context.Context, owner, id string) (job.Job, error)
	Delete(ctx context.Context, owner, id string) error
	List(ctx context.Context, owner, cursor string, limit int) (job.Page, error)
	Image(ctx context.Context, owner, id string, n int) (orders.Image, error)
	Preview(ctx context.Context, owner, id string) (jpeg []byte, revision int64, err error)
	Models(ctx context.Context) ([]job.Model, error)
	Limits() job.Limits
}

// API serves the JSON routes. All fields are required.
type API struct {
	Desk     Desk
	Owner    func(http.ResponseWriter, *http.Request) (string, error) // who asks; may set a cookie
	Contract []byte                                                   // openapi.yaml as JSON
	Stopping context.Context                                          //nolint:containedctx // ends when the server stops: long waits return early
}

// Mux takes routes.
type Mux interface {
	Handle(pattern string, handler http.Handler)
}

// Register puts every route of the API on mux.
func (a *API) Register(mux Mux) {
	mux.Handle("POST /v1/jobs", a.owned(a.submit))
	mux.Handle("GET /v1/jobs", a.owned(a.list))
	mux.Handle("GET /v1/jobs/{id}", a.owned(a.read))
	mux.Handle("DELETE /v1/jobs/{id}", a.owned(a.remove))
	mux.Handle("POST /v1/jobs/{id}/cancel", a.owned(a.cancel))
	mux.Handle("GET /v1/jobs/{id}/images/{n}", a.owned(a.image))
	mux.Handle("GET /v1/jobs/{id}/preview", a.owned(a.preview))
	mux.Handle("GET /v1/models", a.owned(a.models))
	mux.Handle("GET /v1/limits", a.owned(a.limits))
	mux.Handle("GET /openapi.json", http.HandlerFunc(a.contract))
}

// handler answers one request of a known owner, or says why not.
type handler func(w http.ResponseWriter, r *http.Request, owner string) error

// owned lets nobody in without an owner, and turns every error into a problem.
func (a *API) owned(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		owner, err := a.Owner(w, r)
		if err == nil {
			err = h(w, r, owner)
		}
		if err != nil {
			problem.Write(w, r, err)
		}
	})
}
