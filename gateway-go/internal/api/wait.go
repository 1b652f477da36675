package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"darkroom/gateway/internal/job"
)

// answerTime is what a waiter gets on top of its wait to be given the answer.
const answerTime = 15 * time.Second

// wait answers the job as soon as it has ended, or as it stands when the time is over or the server stops. When it cannot be read any more the
// answer is what was known before: a job that was accepted is never answered with an error.
func (a *API) wait(w http.ResponseWriter, r *http.Request, owner string, known job.Job, limit time.Duration) job.Job {
	w.Header().Set("Preference-Applied", "wait="+strconv.Itoa(int(limit.Seconds())))
	if known.Status.Terminal() {
		return known
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(limit + answerTime)) // not every writer has deadlines; then there is none to move

	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(a.Stopping, cancel)()
	waited, err := a.Desk.Wait(ctx, owner, known.ID, limit)
	if err != nil && r.Context().Err() == nil && a.Stopping.Err() != nil {
		waited, err = a.Desk.Read(r.Context(), owner, known.ID)
	}
	if err != nil {
		return known
	}
	return waited
}
