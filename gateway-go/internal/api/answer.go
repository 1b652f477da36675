package api

import (
	"fmt"
	"hash/fnv"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"darkroom/gateway/internal/job"
)

// answer sends value as JSON.
func answer(w http.ResponseWriter, status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever hung up misses it
	return nil
}

func answerJob(w http.ResponseWriter, status int, j job.Job) error {
	jobHeaders(w.Header(), j)
	return answer(w, status, j)
}

func jobHeaders(header http.Header, j job.Job) {
	header.Set("Etag", validator(j))
	header.Set("Cache-Control", "private, no-cache")
	if !j.Status.Terminal() {
		header.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(j.RetryAfter)))))
	}
}

// validator is the ETag of a job: its revision, and what changes without one while it waits in line. The estimate alone counts down without a new one.
func validator(j job.Job) string {
	position := 0
	if j.QueuePosition != nil {
		position = *j.QueuePosition
	}
	waiting := fnv.New32a()
	fmt.Fprintf(waiting, "%s %d %s %s", j.Status, position, text(j.Stage), text(j.WaitingFor))
	return fmt.Sprintf(`"%x-%x"`, j.Revision, waiting.Sum32())
}

func text(value *string) string {
	if value == nil {
		return ""
	}
	return *value
}

// matches reports whether If-None-Match names the validator. Comparison is weak, as RFC 9110 asks for here.
func matches(header http.Header, validator string) bool {
	for _, line := range header["If-None-Match"] {
		for tag := range strings.SplitSeq(line, ",") {
			tag = strings.TrimSpace(tag)
			if tag == "*" || strings.TrimPrefix(tag, "W/") == validator {
				return true
			}
		}
	}
	return false
}
