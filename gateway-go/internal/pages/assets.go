package pages

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strings"
	"sync"

	"darkroom/web"
)

// assets are the static files, each at a URL that holds its hash, so that a browser keeps it for ever.
type assets struct {
	urls  map[string]string // darkroom.css -> /static/darkroom.3f2a1b9c.css
	files map[string]asset  // darkroom.3f2a1b9c.css -> its bytes

	samples []string // the words of the pictures in samples.webp, after those of the looks
}

type asset struct {
	contentType   string
	plain, zipped []byte // zipped is nil where it would not be smaller
}

// loadAssets answers the same files to every studio of a process: compressing them takes a while.
var loadAssets = sync.OnceValues(readAssets)

// readAssets hashes every file once. htmx and our own scripts become one file: one request less on a first visit.
func readAssets() (*assets, error) {
	a := &assets{urls: map[string]string{}, files: map[string]asset{}}
	for _, file := range []string{
		"fonts/instrument-sans-latin-wght-normal.woff2", "fonts/dm-mono-latin-400-normal.woff2",
		"swagger-ui/swagger-ui-bundle.js", "swagger-ui/swagger-ui.css",
	} {
		if err := a.load(web.Vendor, "vendor/"+file); err != nil {
			return nil, err
		}
	}
	for _, file := range []string{"samples.webp", "icon.svg", "docs.js", "docs.css"} {
		if err := a.load(web.Static, "static/"+file); err != nil {
			return nil, err
		}
	}

	words, err := fs.ReadFile(web.Static, "static/samples.json")
	if err != nil {
		return nil, fmt.Errorf("static file: %w", err)
	}
	if err := json.Unmarshal(words, &a.samples); err != nil {
		return nil, fmt.Errorf("samples.json: %w", err)
	}
	script, err := fs.ReadFile(web.Vendor, "vendor/htmx/htmx.min.js")
	if err != nil {
		return nil, fmt.Errorf("static file: %w", err)
	}
	for _, file := range []string{"static/picture.js", "static/darkroom.js"} {
		own, err := fs.ReadFile(web.Static, file)
		if err != nil {
			return nil, fmt.Errorf("static file: %w", err)
		}
		script = append(append(script, '\n'), own...)
	}
	a.add("darkroom.js", script)

	style, err := fs.ReadFile(web.Static, "static/darkroom.css")
	if err != nil {
		return nil, fmt.Errorf("static file: %w", err)
	}
	a.add("darkroom.css", a.linkStyle(style))
	return a, nil
}

func (a *assets) load(from fs.FS, file string) error {
	content, err := fs.ReadFile(from, file)
	if err != nil {
		return fmt.Errorf("static file: %w", err)
	}
	a.add(path.Base(file), content)
	return nil
}

func (a *assets) add(name string, content []byte) {
	sum := sha256.Sum256(content)
	ext := path.Ext(name)
	hashed := strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
	file := asset{contentType: contentType(ext), plain: content}
	if smaller := zipped(content, gzip.DefaultCompression); len(smaller) < len(content)*9/10 {
		file.zipped = smaller
	}
	a.files[hashed] = file
	a.urls[name] = "/static/" + hashed
}

// linkStyle writes the hashed names into url(…) of a style sheet, and leaves out what only people read.
func (a *assets) linkStyle(style []byte) []byte {
	pairs := []string{"\n", "", "  ", "", " {", "{", "{ ", "{", " }", "}", "; ", ";", ": ", ":", ", ", ","}
	for name, url := range a.urls {
		pairs = append(pairs, "url("+name+")", "url("+url+")")
	}
	return []byte(strings.NewReplacer(pairs...).Replace(styleComment.ReplaceAllString(string(style), "")))
}

var styleComment = regexp.MustCompile(`(?s)/\*.*?\*/`)

func contentType(ext string) string {
	switch ext {
	case ".woff2":
		return "font/woff2"
	case ".webp":
		return "image/webp"
	}
	return mime.TypeByExtension(ext)
}

func (a *assets) url(name string) (string, error) {
	url, known := a.urls[name]
	if !known {
		return "", fmt.Errorf("no static file %q", name)
	}
	return url, nil
}

func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file, known := a.files[r.PathValue("name")]
	if !known {
		http.NotFound(w, r)
		return
	}
	head := w.Header()
	head.Set("Content-Type", file.contentType)
	head.Set("Cache-Control", "public, max-age=31536000, immutable")
	body := file.plain
	if file.zipped != nil {
		head.Set("Vary", "Accept-Encoding")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			head.Set("Content-Encoding", "gzip")
			body = file.zipped
		}
	}
	_, _ = w.Write(body) // a reader that went away is no event
}
