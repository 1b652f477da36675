package api

import (
	"fmt"
	"net/http"
	"strconv"

	"darkroom/gateway/internal/job"
)

const (
	defaultPage = 20
	largestPage = 100
	cursorLimit = 200 // characters
)

// list answers the caller's jobs, newest first.
func (a *API) list(w http.ResponseWriter, r *http.Request, owner string) error {
	query := r.URL.Query()
	limit, err := pageLimit(query["limit"])
	if err != nil {
		return err
	}
	cursor := query.Get("cursor")
	if len(cursor) > cursorLimit {
		return invalid("?cursor", "Not a cursor. Use `next` of the page before.")
	}
	page, err := a.Desk.List(r.Context(), owner, cursor, limit)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, page)
}

func pageLimit(sent []string) (int, error) {
	if len(sent) == 0 {
		return defaultPage, nil
	}
	limit, err := strconv.Atoi(sent[0])
	if err != nil || len(sent) > 1 || limit < 1 || limit > largestPage {
		return 0, invalid("?limit", fmt.Sprintf("A whole number between 1 and %d.", largestPage))
	}
	return limit, nil
}

// invalid refuses a request because of one value.
func invalid(path, message string) *job.Error {
	return &job.Error{Code: job.InvalidRequest, Message: "The request has a value that cannot be used.", Fields: []job.FieldError{{Path: path, Message: message}}}
}
