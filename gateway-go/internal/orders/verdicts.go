package orders

import (
	"time"

	"darkroom/gateway/internal/job"
)

// VerdictOf ends the job of a record. A record that can't be read any more is ended by what its id says.
func (d *Desk) VerdictOf(id string, r job.Record, state job.State, failure *job.Failure) job.Verdict {
	now := d.ledger.Now().UnixMilli()
	v := job.Verdict{
		Version: job.VerdictVersion, ID: id, State: state, Owner: r.Owner, CreatedAt: r.CreatedAt, StartedAt: r.StartedAt, CompletedAt: now,
		Deadline: r.Deadline, ExpiresAt: now + d.retention(), Attempt: new(int(r.Attempt)), Error: failure,
	}
	m, err := r.Message(id)
	if err != nil {
		return v
	}
	describe(&v, m)
	if r.StartedAt > 0 {
		v.Worker, v.Step, v.Steps = r.Worker, new(int(r.Step)), new(int(r.Steps))
		if r.Steps == 0 {
			v.Steps = new(m.Spec.Steps)
		}
	}
	return v
}

// verdictOfMessage ends a job that has no record, from its message.
func (d *Desk) verdictOfMessage(m job.Message, state job.State, failure *job.Failure) job.Verdict {
	v := d.verdictByID(m.ID, m.Owner, time.UnixMilli(m.CreatedAt), time.UnixMilli(m.Deadline), state, failure)
	if m.Version == job.MessageVersion {
		describe(&v, m)
	}
	return v
}

// verdictByID ends a job that is known by its id alone.
func (d *Desk) verdictByID(id, owner string, created, deadline time.Time, state job.State, failure *job.Failure) job.Verdict {
	now := d.ledger.Now().UnixMilli()
	return job.Verdict{
		Version: job.VerdictVersion, ID: id, State: state, Owner: owner, CreatedAt: created.UnixMilli(), CompletedAt: now,
		Deadline: deadline.UnixMilli(), ExpiresAt: now + d.retention(), Attempt: new(0), Error: failure,
	}
}

// deletedVerdict takes the place of a verdict whose job was removed.
func (d *Desk) deletedVerdict(id, owner string, created time.Time) job.Verdict {
	return job.Verdict{
		Version: job.VerdictVersion, ID: id, State: job.StateDeleted, Owner: owner, CreatedAt: created.UnixMilli(), CompletedAt: d.ledger.Now().UnixMilli(),
	}
}

func describe(v *job.Verdict, m job.Message) {
	v.Model, v.Task, v.Spec, v.Input = m.Model, m.Task, &m.Spec, m.Input
	v.Warnings, v.Metadata, v.SeedDrawn, v.MaxAttempts = m.Warnings, m.Metadata, &m.SeedDrawn, m.MaxAttempts
}

func failedDeadline() *job.Failure {
	return &job.Failure{Code: job.FailedDeadline, Message: "The job did not finish before its deadline. Allow more time, or try again when the queue is shorter.", Retryable: true}
}

func failedStateLost() *job.Failure {
	return &job.Failure{Code: job.FailedStateLost, Message: "The job was lost together with the state of the service. Send it again.", Retryable: true}
}

func canceledByOwner() *job.Failure {
	return &job.Failure{Code: job.FailedCanceled, Message: "Canceled by its owner.", Retryable: false}
}

// FailedPoison is for a request that stops every worker that takes it.
func FailedPoison() *job.Failure {
	return &job.Failure{Code: job.FailedPoison, Message: "Every try at this request stopped the program. The same again will not help: change the size or the model.", Retryable: false}
}
