// Package web is what a designer edits: templates, style, script, pictures, and the libraries of the page, embedded into the gateway.
package web

import "embed"

// Templates are the html/template files of every page and fragment.
//
//go:embed templates/*.html
var Templates embed.FS

// Static holds our own style, script and pictures.
//
//go:embed static
var Static embed.FS

// Vendor holds the libraries and fonts; vendor/README.md says which, with versions and hashes.
//
//go:embed vendor
var Vendor embed.FS
