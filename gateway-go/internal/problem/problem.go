// Package problem turns errors into RFC 9457 problems: the one table of codes and statuses, and the one way to send them.
package problem

import (
	"errors"
	"math"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"

	"darkroom/gateway/internal/job"
)

// The refusals that only the edge knows.
const (
	CrossOrigin          job.Code = "cross_origin"
	MethodNotAllowed     job.Code = "method_not_allowed"
	RequestTimeout       job.Code = "request_timeout"
	PreconditionFailed   job.Code = "precondition_failed"
	TooLarge             job.Code = "too_large"
	UnsupportedMediaType job.Code = "unsupported_media_type"
	RangeNotSatisfiable  job.Code = "range_not_satisfiable"
	Internal             job.Code = "internal"
)

type kind struct {
	status int
	title  string
}

var kinds = map[job.Code]kind{
	job.InvalidRequest:      {http.StatusBadRequest, "Invalid request"},
	job.UnknownModel:        {http.StatusBadRequest, "Unknown model"},
	job.PromptTooLong:       {http.StatusBadRequest, "Prompt too long"},
	job.Unauthorized:        {http.StatusUnauthorized, "Unauthorized"},
	CrossOrigin:             {http.StatusForbidden, "Cross-origin request"},
	job.NotFound:            {http.StatusNotFound, "Not found"},
	MethodNotAllowed:        {http.StatusMethodNotAllowed, "Method not allowed"},
	RequestTimeout:          {http.StatusRequestTimeout, "Request timeout"},
	job.Gone:                {http.StatusGone, "Expired"},
	job.ResultLost:          {http.StatusGone, "Result lost"},
	PreconditionFailed:      {http.StatusPreconditionFailed, "Precondition failed"},
	TooLarge:                {http.StatusRequestEntityTooLarge, "Body too large"},
	UnsupportedMediaType:    {http.StatusUnsupportedMediaType, "Unsupported media type"},
	RangeNotSatisfiable:     {http.StatusRequestedRangeNotSatisfiable, "Range not satisfiable"},
	job.IdempotencyConflict: {http.StatusUnprocessableEntity, "Idempotency conflict"},
	job.QueueFull:           {http.StatusTooManyRequests, "Queue full"},
	job.RateLimited:         {http.StatusTooManyRequests, "Rate limited"},
	job.QuotaExceeded:       {http.StatusTooManyRequests, "Quota exceeded"},
	Internal:                {http.StatusInternalServerError, "Internal error"},
	job.BrokerUnavailable:   {http.StatusServiceUnavailable, "Broker unavailable"},
	job.StorageUnavailable:  {http.StatusServiceUnavailable, "Storage unavailable"},
	job.LedgerUnavailable:   {http.StatusServiceUnavailable, "Ledger unavailable"},
}

// Refusal is err as a refusal that may be shown; an error that is none is an internal one.
func Refusal(err error) *job.Error {
	var refusal *job.Error
	if errors.As(err, &refusal) {
		if _, known := kinds[refusal.Code]; known {
			return refusal
		}
	}
	return &job.Error{Code: Internal, Message: "Something went wrong here. The log has it under this request's id.", Err: err}
}

// Status is the HTTP status of a refusal.
func Status(refusal *job.Error) int { return kinds[refusal.Code].status }

type body struct {
	Type     string           `json:"type"`
	Title    string           `json:"title"`
	Status   int              `json:"status"`
	Detail   string           `json:"detail"`
	Instance string           `json:"instance"`
	Code     job.Code         `json:"code"`
	Errors   []job.FieldError `json:"errors"`
}

// Write answers a request with err. It drops the connection when nothing true can be answered, and when nobody listens any more.
func Write(w http.ResponseWriter, r *http.Request, err error) {
	refusal := Refusal(err)
	if errors.Is(err, job.ErrNoAnswer) || r.Context().Err() != nil && Status(refusal) >= http.StatusInternalServerError {
		Drop(w, err)
	}
	blame(w, refusal)
	Headers(w, refusal)
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	for _, name := range []string{"Etag", "Content-Length", "Content-Disposition", "Last-Modified"} {
		header.Del(name) // of the answer that this one replaces
	}
	w.WriteHeader(Status(refusal))
	kind := kinds[refusal.Code]
	_ = json.MarshalWrite(w, body{ // whoever hung up misses it
		Type: "urn:darkroom:problem:" + string(refusal.Code), Title: kind.title, Status: kind.status, Detail: refusal.Message,
		Instance: "urn:darkroom:request:" + header.Get("X-Request-Id"), Code: refusal.Code, Errors: refusal.Fields,
	})
}

// Headers sets what goes with a refusal in any format: when to try again, and how to identify oneself.
func Headers(w http.ResponseWriter, refusal *job.Error) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	if refusal.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(refusal.RetryAfter.Seconds()))))
	}
	if refusal.Code == job.Unauthorized {
		header.Set("Www-Authenticate", "Bearer")
	}
}

// Drop ends the connection without an answer, or in the middle of one.
func Drop(w http.ResponseWriter, err error) {
	blame(w, err)
	panic(http.ErrAbortHandler)
}

// blame hands the error to the request's log line, so that it is logged once, with its route and job.
func blame(w http.ResponseWriter, err error) {
	if log, ok := w.(interface{ Blame(error) }); ok {
		log.Blame(err)
	}
}
