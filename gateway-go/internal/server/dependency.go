package server

import (
	"context"
	"sync/atomic"
)

// Dependency is a service that the gateway cannot work without.
type Dependency struct {
	Name  string
	Prove func(context.Context) error // whether it is fit to be relied on, asked until it is; job.ErrMisconfigured is final. nil = nothing to prove
	Ready func(context.Context) error // whether it can be used right now

	proven atomic.Bool
}

func (d *Dependency) look(ctx context.Context) error {
	if !d.proven.Load() && d.Prove != nil {
		if err := d.Prove(ctx); err != nil {
			return err
		}
	}
	d.proven.Store(true)
	return d.Ready(ctx)
}
