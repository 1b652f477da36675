package pages

import (
	"time"

	"darkroom/gateway/internal/job"
)

// whyFailed says what happened and whose fault it is, then what to do. An unknown code speaks for itself.
func whyFailed(failure job.Failure, deadline time.Time) (lead, advice *line) {
	switch failure.Code {
	case "worker_lost":
		return say("The machine making this went away and no other could take over in time. Your words and settings are fine."), say("Trying again usually works.")
	case "deadline":
		return sayAt("It could not be made by %t, the time you allowed.", "clock", deadline), say("Try again, or allow longer.")
	case "poison":
		return say("Three tries at this request stopped the program each time."), say("The same again will not help: change size or model.")
	case "out_of_memory":
		return say("This needs more memory than the worker has."), say("Make it smaller, or fewer at once.")
	case "bad_output":
		return say("The picture came out empty, twice."), say("Try another seed.")
	case "storage_unavailable":
		return say("It was made but could not be stored."), say("Try again.")
	case "result_lost":
		return say("The stored picture is missing or damaged, so it is not shown."), say("Take it again with the same seed.")
	case "state_lost":
		return say("Its record was lost and could not be rebuilt."), say("Submit it again.")
	case "refused":
		return say("This server does not make pictures of that."), say("Change the words.")
	}
	if failure.Retryable {
		advice = say("Trying again may work.")
	}
	return say(failure.Message), advice
}
