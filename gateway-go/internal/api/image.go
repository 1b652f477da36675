package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/problem"
)

// imageWrite is how long one piece of an image, 32 kB, may take to leave: slow readers are served, dead ones are not.
const imageWrite = 30 * time.Second

// image streams the bytes of a picture. They never change, so their hash is their ETag and a browser keeps them.
func (a *API) image(w http.ResponseWriter, r *http.Request, owner string) error {
	n, err := strconv.ParseUint(r.PathValue("n"), 10, 16)
	if err != nil {
		return &job.Error{Code: job.NotFound, Message: "There is no such picture."}
	}
	download, err := flag(r, "download")
	if err != nil {
		return err
	}
	image, err := a.Desk.Image(r.Context(), owner, r.PathValue("id"), int(n))
	if err != nil {
		return err
	}
	defer func() { _ = image.Close() }() // it was only read

	disposition := "inline"
	if download {
		disposition = "attachment"
	}
	header := w.Header()
	header.Set("Content-Type", image.ContentType)
	header.Set("Content-Disposition", mime.FormatMediaType(disposition, map[string]string{"filename": image.Filename}))
	header.Set("Cache-Control", "private, max-age=31536000, immutable")
	header.Set("Etag", `"`+image.SHA256+`"`)
	if strings.Contains(r.Header.Get("Range"), ",") {
		r.Header.Del("Range") // several ranges would be a transfer from S3 each; the whole picture is a fair answer
	}
	source := &watchedReader{ReadSeeker: image}
	sink := &imageWriter{ResponseWriter: w, controller: http.NewResponseController(w)}
	http.ServeContent(sink, r, "", time.Time{}, source)
	if source.err != nil {
		problem.Drop(w, source.err) // cut, never ended: a short picture must not look whole
	}
	return sink.refusal
}

// watchedReader remembers why a picture could not be read to its end: ServeContent does not tell.
type watchedReader struct {
	io.ReadSeeker
	err error
}

func (s *watchedReader) Read(p []byte) (int, error) {
	n, err := s.ReadSeeker.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// imageWriter moves the deadline with every piece, and keeps ServeContent's refusals back so that they can be told as problems.
type imageWriter struct {
	http.ResponseWriter
	controller *http.ResponseController
	refusal    error
}

func (s *imageWriter) WriteHeader(status int) {
	if status == http.StatusPartialContent && s.Header().Get("Content-Length") == "0" {
		// `bytes=-0`: ServeContent answers a part without bytes, RFC 9110 (section 14.1.2) calls that range unsatisfiable.
		_, size, _ := strings.Cut(s.Header().Get("Content-Range"), "/")
		s.Header().Set("Content-Range", "bytes */"+size)
		status = http.StatusRequestedRangeNotSatisfiable
	}
	switch status {
	case http.StatusRequestedRangeNotSatisfiable:
		s.refusal = &job.Error{Code: problem.RangeNotSatisfiable, Message: "The picture has no such bytes. Content-Range tells its size."}
	case http.StatusPreconditionFailed:
		s.refusal = &job.Error{Code: problem.PreconditionFailed, Message: "The picture is not the one that the request's condition names."}
	default:
		s.ResponseWriter.WriteHeader(status)
	}
}

func (s *imageWriter) Write(p []byte) (int, error) {
	if s.refusal != nil {
		return len(p), nil
	}
	_ = s.controller.SetWriteDeadline(time.Now().Add(imageWrite)) // see wait
	return s.ResponseWriter.Write(p)
}
