// Package contracttest holds answers against contract/openapi.yaml. Tests alone import it.
package contracttest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	treaty "darkroom/contract"
)

var load = sync.OnceValues(func() (routers.Router, error) {
	text, err := treaty.Files.ReadFile("openapi.yaml")
	if err != nil {
		return nil, err
	}
	document, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, err
	}
	if err := document.Validate(context.Background(), openapi3.EnableExamplesValidation()); err != nil {
		return nil, err
	}
	// Pictures have no schema: their bytes are compared elsewhere.
	for _, kind := range []string{"image/png", "image/webp", "image/jpeg"} {
		openapi3filter.RegisterBodyDecoder(kind, openapi3filter.FileBodyDecoder)
	}
	return legacy.NewRouter(document)
})

// Document fails the test unless the contract is a valid OpenAPI document whose examples fit their schemas.
func Document(t testing.TB) routers.Router {
	t.Helper()
	router, err := load()
	if err != nil {
		t.Fatalf("contract/openapi.yaml: %v", err)
	}
	return router
}

// Check fails the test unless the contract knows the answer: its route, status, headers and body. It answers the body, read to the end.
// Routes that the contract does not have are passed over.
func Check(t testing.TB, response *http.Response) []byte {
	t.Helper()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: the answer broke off: %v", response.Request.Method, response.Request.URL, err)
	}
	_ = response.Body.Close() // it was read to its end
	request := response.Request.Clone(context.Background())
	request.URL.Scheme, request.URL.Host, request.Host = "", "", ""
	route, values, err := Document(t).FindRoute(request)
	if err != nil || strings.HasSuffix(request.URL.Path, "/") { // kin-openapi takes /v1/jobs/ for /v1/jobs
		return body
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: request, PathParams: values, Route: route},
		Status:                 response.StatusCode,
		Header:                 response.Header,
		Body:                   io.NopCloser(bytes.NewReader(body)),
		Options:                &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	if response.StatusCode == http.StatusNoContent || request.Method == http.MethodHead {
		input.Options.ExcludeResponseBody = true
	}
	if err := openapi3filter.ValidateResponse(context.Background(), input); err != nil {
		t.Errorf("%s %s answered %d, not as the contract says: %v\n%s", request.Method, request.URL, response.StatusCode, err, body)
	}
	return body
}

// Transport checks every answer that passes through it.
type Transport struct {
	T    testing.TB
	Base http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (c Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := c.Base.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	body := Check(c.T, response)
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}
