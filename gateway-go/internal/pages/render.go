package pages

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"darkroom/web"
)

// renderer holds every template, parsed at start.
type renderer struct{ templates *template.Template }

func parseTemplates(a *assets) (*renderer, error) {
	parsed, err := template.New("").Funcs(template.FuncMap{"asset": a.url}).ParseFS(web.Templates, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	return &renderer{templates: parsed}, nil
}

// html renders completely before the first byte leaves: a broken template is an error, never half a page.
func (t *renderer) html(w http.ResponseWriter, r *http.Request, status int, name string, view any) error {
	body, err := t.execute(name, view)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "private, no-cache") // a browser may keep it, and asks before it shows it again
	if len(body) > worthZipping {
		w.Header().Set("Vary", "Accept-Encoding")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			w.Header().Set("Content-Encoding", "gzip")
			body = zipped(body, gzip.BestSpeed)
		}
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a reader that went away is no event
	return nil
}

// worthZipping is more than one network packet, in bytes.
const worthZipping = 2048

func zipped(body []byte, level int) []byte {
	var out bytes.Buffer
	zip, _ := gzip.NewWriterLevel(&out, level) // the levels are constants, and a buffer takes everything
	_, _ = zip.Write(body)
	_ = zip.Close()
	return out.Bytes()
}

// poll renders a fragment that is asked for again and again: unchanged, it answers 304 and a handful of headers.
func (t *renderer) poll(w http.ResponseWriter, r *http.Request, name string, view any) error {
	body, err := t.execute(name, view)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	head := w.Header()
	head.Set("Cache-Control", "private, no-cache")
	head.Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		for name := range head {
			if !ofTheMoment[name] {
				delete(head, name)
			}
		}
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	head.Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(body)
	return nil
}

// ofTheMoment are the headers of a 304; all others are with the answer that the browser kept.
var ofTheMoment = map[string]bool{"Cache-Control": true, "Etag": true, "Set-Cookie": true, "X-Request-Id": true}

// passing renders a fragment that must not be kept, so that the next good answer is a full one and takes its place.
func (t *renderer) passing(w http.ResponseWriter, name string, view any) error {
	body, err := t.execute(name, view)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body)
	return nil
}

func (t *renderer) execute(name string, view any) ([]byte, error) {
	var body bytes.Buffer
	if err := t.templates.ExecuteTemplate(&body, name, view); err != nil {
		return nil, fmt.Errorf("template %s: %w", name, err)
	}
	return body.Bytes(), nil
}
