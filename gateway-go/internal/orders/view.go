package orders

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"darkroom/gateway/internal/job"
)

// view turns a record into what a client sees. The estimate is added by whoever shows a waiting or running job.
func view(id string, r job.Record) (job.Job, error) {
	j := blank(id, r.Model, r.Task)
	j.CreatedAt, j.Deadline = instant(r.CreatedAt), instant(r.Deadline)
	j.Attempt, j.MaxAttempts, j.Revision = int(r.Attempt), int(r.MaxAttempts), r.Revision
	j.StartedAt, j.CompletedAt, j.ExpiresAt = moment(r.StartedAt), moment(r.CompletedAt), moment(r.ExpiresAt)
	var err error
	switch {
	case r.State == job.StateTombstone:
		j.Status = job.Expired
		if created, deadline, timesErr := job.Times(id); timesErr == nil {
			j.CreatedAt, j.Deadline = created, deadline
		}
	case r.State.Ended():
		err = j.ended(r)
	default:
		err = j.live(r)
	}
	return j.Job, err
}

// shownJob is a job in the making.
type shownJob struct{ job.Job }

func blank(id, model, task string) shownJob {
	self := "/v1/jobs/" + id
	return shownJob{job.Job{
		ID: id, Kind: task, Model: model, Simulated: task == "simulated",
		Input: map[string]any{}, Warnings: []string{}, Metadata: map[string]string{}, Outputs: []job.Output{},
		URLs: job.URLs{Self: self, Cancel: self + "/cancel"},
	}}
}

func (j *shownJob) live(r job.Record) error {
	j.Status, j.SeedDrawn = job.Queued, r.SeedDrawn
	stage := r.Stage
	if r.State == job.StateRunning {
		j.Status = job.Running
		j.Progress = job.Progress{Step: int(r.Step), Steps: int(r.Steps)}
		if r.Worker != "" {
			j.Worker = &r.Worker
		}
	}
	if stage != "" {
		j.Stage = &stage
	}
	var spec job.Spec
	if err := readParts(part{r.Spec, &spec}, part{r.Input, &j.Input}, part{r.Warnings, &j.Warnings}, part{r.Metadata, &j.Metadata}); err != nil {
		return fmt.Errorf("record of %s: %w", j.ID, err)
	}
	j.Effective = &spec
	if j.Progress.Steps == 0 {
		j.Progress.Steps = spec.Steps
	}
	j.Progress.Value = share(j.Progress.Step, j.Progress.Steps)
	if r.State == job.StateRunning && r.Preview > 0 {
		j.PreviewRevision = r.Preview
		j.URLs.Preview = new(j.URLs.Self + "/preview")
	}
	return nil
}

func (j *shownJob) ended(r job.Record) error {
	v, err := readVerdict(r)
	if err != nil {
		return err
	}
	j.Status = job.Status(v.State)
	j.Effective, j.Error = v.Spec, v.Error
	if v.Warnings != nil {
		j.Warnings = v.Warnings
	}
	if v.Metadata != nil {
		j.Metadata = v.Metadata
	}
	if v.SeedDrawn != nil {
		j.SeedDrawn = *v.SeedDrawn
	}
	if v.Worker != "" {
		j.Worker = &v.Worker
	}
	if len(v.Input) > 0 {
		if err := json.Unmarshal(v.Input, &j.Input); err != nil {
			return fmt.Errorf("verdict of %s: input: %w", j.ID, err)
		}
	}
	j.progressAtEnd(v)
	for _, image := range v.Images {
		j.Outputs = append(j.Outputs, job.Output{
			Index: image.Index, URL: fmt.Sprintf("%s/images/%d", j.URLs.Self, image.Index), ContentType: image.ContentType,
			Width: image.Width, Height: image.Height, SizeBytes: image.SizeBytes, SHA256: image.SHA256, Seed: image.Seed,
		})
	}
	if t := v.Timings; t != nil {
		j.Metrics = job.Metrics{QueueMS: t.QueueMS, LoadMS: t.LoadMS, DenoiseMS: t.DenoiseMS, DecodeMS: t.DecodeMS, UploadMS: t.UploadMS, TotalMS: t.TotalMS}
	}
	if j.Metrics.TotalMS == nil {
		j.Metrics.TotalMS = new(v.CompletedAt - v.CreatedAt)
	}
	return nil
}

func (j *shownJob) progressAtEnd(v job.Verdict) {
	if v.Spec != nil {
		j.Progress.Steps = v.Spec.Steps
	}
	if v.Steps != nil && *v.Steps > 0 {
		j.Progress.Steps = *v.Steps
	}
	if v.Step != nil {
		j.Progress.Step = *v.Step
	}
	if v.State == job.StateSucceeded {
		j.Progress.Step = j.Progress.Steps
	}
	j.Progress.Value = share(j.Progress.Step, j.Progress.Steps)
}

// recovering shows a job whose record is lost while its deadline is not past. The revision is older than any record's, so a client that knows more sees the change.
func recovering(id string) job.Job {
	created, deadline, _ := job.Times(id) // proven before
	j := blank(id, "", "")
	j.Status, j.Stage = job.Running, new("recovering")
	j.CreatedAt, j.Deadline = created, deadline
	j.WaitingFor = new("The job's record was lost and is being rebuilt. You do not have to do anything.")
	j.RetryAfter, j.Revision = retrySoon.Seconds(), created.UnixMilli()
	return j.Job
}

func readVerdict(r job.Record) (job.Verdict, error) {
	var v job.Verdict
	if err := json.Unmarshal([]byte(r.Verdict), &v); err != nil {
		return job.Verdict{}, fmt.Errorf("verdict in a record: %w", err)
	}
	return v, nil
}

type part struct {
	text   string
	target any
}

func readParts(parts ...part) error {
	for _, p := range parts {
		if p.text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(p.text), p.target); err != nil {
			return err
		}
	}
	return nil
}

func share(step, steps int) float64 {
	if steps <= 0 {
		return 0
	}
	return math.Min(1, float64(step)/float64(steps))
}

func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func moment(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	return new(instant(ms))
}
