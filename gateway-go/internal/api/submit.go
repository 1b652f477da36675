package api

import (
	"net/http"

	"darkroom/gateway/internal/job"
)

// submit accepts a job: 202 with the job as it stands, or 200 with the finished one when the caller preferred to wait and it ended in time.
func (a *API) submit(w http.ResponseWriter, r *http.Request, owner string) error {
	key, err := idempotencyKey(r.Header)
	if err != nil {
		return err
	}
	dryRun, err := flag(r, "dry_run")
	if err != nil {
		return err
	}
	request, err := decodeRequest(w, r)
	if err != nil {
		return err
	}
	if dryRun {
		return a.dryRun(w, r, owner, request)
	}
	accepted, replayed, err := a.Desk.Submit(r.Context(), owner, request, key)
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Location", accepted.URLs.Self)
	if replayed {
		header.Set("Idempotency-Replayed", "true")
	}
	status := http.StatusAccepted
	if limit, asked := preferredWait(r.Header); asked {
		if accepted = a.wait(w, r, owner, accepted, limit); accepted.Status.Terminal() {
			status = http.StatusOK
		}
	}
	return answerJob(w, status, accepted)
}

func (a *API) dryRun(w http.ResponseWriter, r *http.Request, owner string, request job.Request) error {
	estimate, err := a.Desk.DryRun(r.Context(), owner, request)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, estimate)
}
