package orders

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"darkroom/gateway/internal/broker"
	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/ledger"
	"darkroom/gateway/internal/tracing"
)

const (
	replayWait  = 30 * time.Second       // for the request that created the job
	replayPause = 200 * time.Millisecond // between two looks
	answerTime  = 10 * time.Second       // for Redis to answer after a publish; then the connection is dropped
	answerPause = 200 * time.Millisecond
	clockTries  = 3
)

// Submit accepts a job: the answer means that it will run. Key is the idempotency key, "" for none; replayed reports that an earlier request with it made the job.
func (d *Desk) Submit(ctx context.Context, owner string, request job.Request, key string) (accepted job.Job, replayed bool, err error) {
	defer func() { d.countSubmit(accepted, replayed, err) }()
	model, decided, refused := d.decide(ctx, owner, request)
	places := d.rules.QueueLimit
	if refused != nil {
		if request.Image == nil || key == "" {
			return job.Job{}, false, refused
		}
		places = 0 // the picture may have gone since a first request with this key was accepted: that one is found, and nothing is made
	}
	m, answer, err := d.enter(ctx, owner, request, model, decided, key, places)
	waited, cancel := context.WithTimeout(ctx, replayWait)
	defer cancel()
	for err == nil && answer.Word == ledger.Replay {
		if j, settled, err := d.replay(ctx, owner, answer); err != nil || settled {
			return j, true, err
		}
		if !pause(waited, replayPause) {
			return job.Job{}, false, job.ErrNoAnswer
		}
		if m, answer, err = d.enter(ctx, owner, request, model, decided, key, places); err != nil {
			return job.Job{}, false, job.ErrNoAnswer // an error would say that nothing runs; the first request's job may
		}
	}
	if err != nil {
		return job.Job{}, false, err
	}
	if answer.Word == ledger.Full && refused != nil {
		return job.Job{}, false, refused
	}
	if answer.Word != ledger.Created {
		return job.Job{}, false, d.refusal(ctx, model, answer)
	}
	accepted, err = d.bringOut(context.WithoutCancel(ctx), m, answer.PublishedAt)
	return accepted, false, err
}

// replay shows the job that an earlier request with the same key made. Only that request publishes or abandons: until it has, and where its job has just
// vanished, nothing is settled and the caller looks again. An error would say that nothing runs, so there is none but "no answer".
func (d *Desk) replay(ctx context.Context, owner string, answer ledger.Submitted) (j job.Job, settled bool, err error) {
	if answer.State == job.StateSubmitting {
		return job.Job{}, false, nil
	}
	j, err = d.Read(ctx, owner, answer.ID)
	var refusal *job.Error
	switch {
	case err == nil:
		return j, true, nil
	case errors.As(err, &refusal) && (refusal.Code == job.NotFound || refusal.Code == job.Gone):
		return job.Job{}, false, nil
	default:
		d.log.Warn("a replay could not be shown", "job_id", answer.ID, "error", err)
		return job.Job{}, false, job.ErrNoAnswer
	}
}

// decide finds the model and settles every setting.
func (d *Desk) decide(ctx context.Context, owner string, request job.Request) (job.Model, job.Decided, error) {
	name := ""
	if request.Model != nil {
		name = *request.Model
	}
	model, known := d.catalog.Find(name)
	if !known || request.Model != nil && name == "" {
		return job.Model{}, job.Decided{}, &job.Error{
			Code: job.UnknownModel, Message: "There is no such model here. Nothing was submitted.",
			Fields: []job.FieldError{{Path: "/model", Message: "One of the models that GET /v1/models lists."}},
		}
	}
	original, err := d.original(ctx, owner, model, request.Image)
	if err != nil {
		return job.Model{}, job.Decided{}, err
	}
	decided, err := job.Validate(request, model, original)
	return model, decided, err
}

// enter runs `submit` with a fresh id, again when the id's time was off. It makes no job where as many wait as there are places.
func (d *Desk) enter(ctx context.Context, owner string, request job.Request, model job.Model, decided job.Decided, key string, places int) (job.Message, ledger.Submitted, error) {
	for range clockTries {
		m, err := d.message(ctx, owner, request, model, decided)
		if err != nil {
			return job.Message{}, ledger.Submitted{}, err
		}
		answer, err := d.enterOnce(ctx, ledger.Submission{
			Message: m, IdemHash: hashOf(key), BodyHash: request.Hash(), QueueLimit: places, OwnerLimit: d.rules.OwnerLimit,
		})
		if err != nil || answer.Word != ledger.Clock {
			return m, answer, err
		}
	}
	return job.Message{}, ledger.Submitted{}, ledgerAway(errors.New("the clock of Redis keeps jumping"))
}

// enterOnce repeats a lost reply once with the same id. A refusal is answered only where the script surely did not run.
func (d *Desk) enterOnce(ctx context.Context, s ledger.Submission) (ledger.Submitted, error) {
	answer, err := d.ledger.Submit(ctx, s)
	if errors.Is(err, job.ErrAway) {
		return answer, ledgerAway(err)
	}
	if err != nil {
		if answer, err = d.ledger.Submit(ctx, s); err != nil {
			d.log.Warn("submit got no answer from Redis", "job_id", s.Message.ID, "error", err)
			return answer, job.ErrNoAnswer
		}
	}
	return answer, nil
}

func (d *Desk) message(ctx context.Context, owner string, request job.Request, model job.Model, decided job.Decided) (job.Message, error) {
	created := d.ledger.Now().Truncate(time.Millisecond)
	input, err := json.Marshal(request.Input())
	if err != nil {
		return job.Message{}, err
	}
	metadata := request.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	return job.Message{
		Version: job.MessageVersion, ID: d.keys.Mint(created, decided.DeadlineSeconds, owner), Owner: owner, Model: model.ID, Task: model.Task,
		Spec: decided.Spec, Input: input, Warnings: decided.Warnings, Metadata: metadata, SeedDrawn: decided.SeedDrawn,
		CreatedAt: created.UnixMilli(), Deadline: created.UnixMilli() + int64(decided.DeadlineSeconds)*1000, MaxAttempts: job.MaxAttempts,
		Traceparent: tracing.ParentOf(ctx),
	}, nil
}

// bringOut publishes the job that this request created, and answers as the broker and the ledger allow.
func (d *Desk) bringOut(ctx context.Context, m job.Message, publishedAt int64) (job.Job, error) {
	outcome := d.Publish(ctx, m, publishedAt)
	unknown := outcome == broker.Unknown
	if unknown {
		outcome = d.Publish(ctx, m, publishedAt)
	}
	if outcome != broker.Acked {
		return d.giveUp(ctx, m, publishedAt, outcome == broker.Nacked && !unknown)
	}
	return d.accept(ctx, m, publishedAt)
}

// accept tells the ledger that the message is kept. From here on the client is told 202, or nothing.
func (d *Desk) accept(ctx context.Context, m job.Message, publishedAt int64) (job.Job, error) {
	state, err := d.insist(ctx, m.ID, func(ctx context.Context) (job.State, error) { return d.ledger.Published(ctx, m.ID, true) })
	if err != nil {
		return job.Job{}, err
	}
	if state == job.StateAbandoned {
		return job.Job{}, brokerAway()
	}
	d.log.InfoContext(ctx, "job accepted", "job_id", m.ID, "model", m.Model)
	return d.fresh(ctx, m, publishedAt)
}

// fresh shows a job that was just accepted, without reading it back. With its record missing (state "") the confirmed message is the copy.
func (d *Desk) fresh(ctx context.Context, m job.Message, publishedAt int64) (job.Job, error) {
	r, err := recordOf(m, publishedAt)
	if err != nil {
		return job.Job{}, err
	}
	j, err := view(m.ID, r)
	if err != nil {
		return job.Job{}, err
	}
	d.estimate(ctx, &j, r, nil)
	d.told.promise(j)
	return j, nil
}

func recordOf(m job.Message, publishedAt int64) (job.Record, error) {
	text, err := m.Fields()
	if err != nil {
		return job.Record{}, err
	}
	fields := map[string]string{}
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		return job.Record{}, err
	}
	fields["state"], fields["stage"] = string(job.StateQueued), "waiting"
	r, err := job.ParseRecord(fields)
	if err == nil {
		r.Owner, r.Model, r.CreatedAt, r.Deadline, r.PublishedAt, r.Revision = m.Owner, m.Model, m.CreatedAt, m.Deadline, publishedAt, publishedAt
	}
	return r, err
}

// insist asks until Redis answers. After a publish no error may be told: the message may run.
func (d *Desk) insist(ctx context.Context, id string, ask func(context.Context) (job.State, error)) (job.State, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	for {
		state, err := ask(ctx)
		if err == nil {
			return state, nil
		}
		if !pause(ctx, answerPause) {
			d.log.Warn("no answer from Redis after a publish", "job_id", id, "error", err)
			return "", job.ErrNoAnswer
		}
	}
}

func (d *Desk) refusal(ctx context.Context, model job.Model, answer ledger.Submitted) error {
	switch answer.Word {
	case ledger.Conflict:
		return &job.Error{Code: job.IdempotencyConflict, Message: "This idempotency key belongs to a request with another body. Nothing was submitted."}
	case ledger.Quota:
		return &job.Error{
			Code: job.QuotaExceeded, RetryAfter: d.untilRoom(ctx, model),
			Message: fmt.Sprintf("You have %d unfinished jobs, and no more are allowed at once. This one was not taken.", answer.Count),
		}
	case ledger.Full:
		return d.queueFull(ctx, model, answer.Count)
	default:
		return fmt.Errorf("submit answered %s", answer.Word)
	}
}

func (d *Desk) queueFull(ctx context.Context, model job.Model, waiting int) error {
	return &job.Error{
		Code: job.QueueFull, RetryAfter: d.untilRoom(ctx, model),
		Message: fmt.Sprintf("The line for %s is full: %d jobs are waiting. This one was not taken.", model.Name, waiting),
	}
}

// untilRoom is when one more job has probably left the line.
func (d *Desk) untilRoom(ctx context.Context, model job.Model) time.Duration {
	s, err := d.fleet.look(ctx)
	if err != nil {
		return retrySoon
	}
	if eta := s.untilDone(model.ID, 1); eta != nil {
		return max(time.Second, time.Duration(*eta*float64(time.Second)))
	}
	return retrySoon
}

func (d *Desk) countSubmit(accepted job.Job, replayed bool, err error) {
	var refusal *job.Error
	switch {
	case err == nil && !replayed:
		d.metrics.accepted.WithLabelValues(accepted.Model).Inc()
	case errors.As(err, &refusal):
		d.metrics.refused.WithLabelValues(string(refusal.Code)).Inc()
	case err != nil:
		d.metrics.refused.WithLabelValues(noAnswer).Inc()
	}
}

func hashOf(key string) string {
	if key == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// pause reports whether there is time left after it.
func pause(ctx context.Context, length time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(length):
		return true
	}
}
