//go:build !failpoints

// Package failpoint names the points at which a test may end, fail or hold up a gateway. In a build without the tag failpoints, which is every release, it does nothing.
package failpoint

// Point is a place in the code, known by its name.
type Point struct{}

// New names a point.
func New(string) Point { return Point{} }

// Around names the points before and after a step that changes something outside this process.
func Around(string) (before, after Point) { return Point{}, Point{} }

// Hit reports the error that shall happen here, or nil.
func (Point) Hit() error { return nil }

// Names of all points; none in a release.
func Names() []string { return nil }
