package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/problem"
)

// maxBody has room for two prompts of the longest kind with every character escaped as a surrogate pair, 12 bytes each.
const maxBody = 256 << 10

// decodeRequest reads a request strictly: what is not exactly a request is refused with the path of what is wrong.
func decodeRequest(w http.ResponseWriter, r *http.Request) (job.Request, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return job.Request{}, &job.Error{Code: problem.UnsupportedMediaType, Message: "Send the job as JSON, with Content-Type: application/json."}
	}
	body, err := readBody(w, r)
	if err != nil {
		return job.Request{}, err
	}
	return parseRequest(body)
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	var tooLarge *http.MaxBytesError
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	switch {
	case err == nil:
		return body, nil
	case errors.As(err, &tooLarge):
		return nil, &job.Error{Code: problem.TooLarge, Message: fmt.Sprintf("The body is larger than %d bytes. Nothing was submitted.", maxBody)}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &job.Error{Code: problem.RequestTimeout, Message: "The body did not arrive in time. Nothing was submitted."}
	default:
		return nil, &job.Error{Code: job.InvalidRequest, Message: "The body did not arrive as announced. Nothing was submitted."}
	}
}

func parseRequest(body []byte) (job.Request, error) {
	var request job.Request
	if err := json.Unmarshal(body, &request, json.RejectUnknownMembers(true)); err != nil {
		return job.Request{}, explain(err)
	}
	return request, refuseNull(body)
}

// refuseNull reads every token of a body that decodes: null decodes like a member that was not sent, so nothing else would notice it.
func refuseNull(body []byte) error {
	decoder := jsontext.NewDecoder(bytes.NewReader(body))
	for {
		token, err := decoder.ReadToken()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return explain(err)
		case token.Kind() == 'n':
			return invalid(place(decoder.StackPointer()), "Must not be null. Leave it out instead.")
		}
	}
}

// explain turns a decoder's error into a refusal that names the place.
func explain(err error) error {
	var shape *json.SemanticError
	var syntax *jsontext.SyntacticError
	switch {
	case errors.As(err, &shape):
		return invalid(place(shape.JSONPointer), misfit(shape))
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntax):
		return invalid(place(syntax.JSONPointer), "Given twice.")
	case errors.As(err, &syntax):
		return invalid(place(syntax.JSONPointer), fmt.Sprintf("Not valid JSON at byte %d.", syntax.ByteOffset))
	default:
		return invalid("", "Not valid JSON: it ends too early.")
	}
}

// place is the pointer of a field, cut where a caller made it longer than any of ours.
func place(pointer jsontext.Pointer) string {
	const longest = 200
	if len(pointer) <= longest {
		return string(pointer)
	}
	return strings.ToValidUTF8(string(pointer[:longest]), "") + "…"
}

func misfit(e *json.SemanticError) string {
	if errors.Is(e.Err, json.ErrUnknownName) {
		return "There is no such setting."
	}
	if errors.Is(e.Err, strconv.ErrRange) {
		return "This number is too large."
	}
	kind := reflect.Invalid
	if e.GoType != nil {
		kind = e.GoType.Kind()
	}
	switch kind {
	case reflect.String:
		return "Must be text."
	case reflect.Int, reflect.Int64:
		return "Must be a whole number."
	case reflect.Float64:
		return "Must be a number."
	default:
		return "Must be an object."
	}
}
