// Package orders is what can be done to a job, one file an act: submit, read, wait, cancel, delete, list, image.
// The JSON API and the page both only translate to it. Errors are *job.Error, or job.ErrNoAnswer: then the connection must be dropped.
package orders

// Desk takes orders. It is stateless: any gateway's desk can serve any job.
type Desk struct{}
