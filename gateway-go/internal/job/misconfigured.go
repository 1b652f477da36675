package job

import "errors"

// ErrMisconfigured marks an error that waiting will not mend: the start must stop and say so.
var ErrMisconfigured = errors.New("misconfigured")

// ErrAway marks a dependency that could not be reached: nothing is known, and nothing was changed.
var ErrAway = errors.New("not reachable")
