package server

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"
)

const image0 = "/v1/jobs/" + someID + "/images/0"

func TestAPictureIsServedWithItsHashAndKeptForEver(t *testing.T) {
	e := newEdge(t)
	response, body := e.send(t, http.MethodGet, image0, "")
	sum := sha256.Sum256(e.desk.picture)
	tag := `"` + hex.EncodeToString(sum[:]) + `"`
	head := response.Header
	if body != string(e.desk.picture) || head.Get("Etag") != tag || head.Get("Content-Type") != "image/png" || !strings.Contains(head.Get("Cache-Control"), "private") ||
		!strings.Contains(head.Get("Cache-Control"), "immutable") || head.Get("Content-Disposition") != `inline; filename="a mug.png"` {
		t.Errorf("%d bytes, %v", len(body), head)
	}
	if again, body := e.send(t, http.MethodGet, image0, "", "If-None-Match: "+tag); again.StatusCode != http.StatusNotModified || body != "" {
		t.Errorf("known already: %d, %d bytes", again.StatusCode, len(body))
	}
	if saved, _ := e.send(t, http.MethodGet, image0+"?download", ""); !strings.HasPrefix(saved.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("to be saved: %q", saved.Header.Get("Content-Disposition"))
	}
	if asked, body := e.send(t, http.MethodHead, image0, ""); asked.StatusCode != http.StatusOK || body != "" || asked.ContentLength != int64(len(e.desk.picture)) {
		t.Errorf("HEAD: %d, length %d", asked.StatusCode, asked.ContentLength)
	}
}

func TestAPartOfAPictureCanBeAskedFor(t *testing.T) {
	e := newEdge(t)
	whole := string(e.desk.picture)
	for sent, c := range map[string]struct {
		status int
		want   string
	}{
		"bytes=0-4":          {http.StatusPartialContent, "light"},
		"bytes=6-10":         {http.StatusPartialContent, "light"},
		"bytes=-6":           {http.StatusPartialContent, "light "},
		"bytes=119994-":      {http.StatusPartialContent, "light "},
		"bytes=0-0,2-2,4-4":  {http.StatusOK, whole},
		"lines=1-2":          {http.StatusRequestedRangeNotSatisfiable, ""},
		"bytes=120000-":      {http.StatusRequestedRangeNotSatisfiable, ""},
		"bytes=-0":           {http.StatusRequestedRangeNotSatisfiable, ""},
		"bytes=9-1":          {http.StatusRequestedRangeNotSatisfiable, ""},
		"bytes=nonsense":     {http.StatusRequestedRangeNotSatisfiable, ""},
		"bytes=0-4294967295": {http.StatusPartialContent, whole},
	} {
		response, body := e.send(t, http.MethodGet, image0, "", "Range: "+sent)
		if response.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", sent, response.StatusCode, c.status)
		} else if c.want != "" && body != c.want {
			t.Errorf("%s: %d bytes: %.20q", sent, len(body), body)
		} else if c.want == "" && strings.HasPrefix(sent, "bytes=-") && response.Header.Get("Content-Range") != "bytes */120000" {
			t.Errorf("%s: Content-Range %q", sent, response.Header.Get("Content-Range"))
		} else if c.want == "" && problemCode(t, response, body) != "range_not_satisfiable" {
			t.Errorf("%s: %s", sent, body)
		}
	}
	if response, body := e.send(t, http.MethodGet, image0, "", `If-Match: "another"`); response.StatusCode != http.StatusPreconditionFailed || problemCode(t, response, body) != "precondition_failed" {
		t.Errorf("another picture: %d %s", response.StatusCode, body)
	}
}

func TestAPictureThatBreaksOffIsNeverEndedAsIfItWereWhole(t *testing.T) {
	e := newEdge(t)
	e.desk.cut = true
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, e.URL+image0, nil)
	response, err := e.Client().Do(request)
	if err != nil {
		return // cut before the first byte
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close() // it broke off
	if err == nil {
		t.Errorf("%d of %d bytes looked whole", len(body), len(e.desk.picture))
	}
	e.Close()
	if !strings.Contains(e.log.String(), "the store went away") {
		t.Errorf("logged %s", e.log)
	}
}

func TestAPictureNumberIsANumber(t *testing.T) {
	e := newEdge(t)
	for _, n := range []string{"-1", "+1", "x", "0x0", "99999999999999999999", "1.0", "%00"} {
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, e.URL+"/v1/jobs/"+someID+"/images/"+n, nil)
		response, err := e.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close() // it was read to its end
		if response.StatusCode != http.StatusNotFound || problemCode(t, response, string(body)) != "not_found" {
			t.Errorf("%s: %d", n, response.StatusCode)
		}
	}
}

func TestAPreviewIsAskedForByItsRevision(t *testing.T) {
	e := newEdge(t)
	first, body := e.send(t, http.MethodGet, "/v1/jobs/"+someID+"/preview", "")
	if first.StatusCode != http.StatusOK || body != "small" || first.Header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("%d %v", first.StatusCode, first.Header)
	}
	if again, _ := e.send(t, http.MethodGet, "/v1/jobs/"+someID+"/preview", "", "If-None-Match: "+first.Header.Get("Etag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("again: %d", again.StatusCode)
	}
}
