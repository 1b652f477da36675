package orders

import (
	"context"
	"errors"
	"fmt"

	"darkroom/gateway/internal/job"
)

// original looks at the picture that an upscale begins with. What is wrong with it is for the request's own errors; an error is for a service that is away.
func (d *Desk) original(ctx context.Context, owner string, model job.Model, source *job.Source) (job.Original, error) {
	if source == nil || model.Scale == nil {
		return job.Original{}, nil
	}
	j, err := d.Read(ctx, owner, source.Job)
	var refusal *job.Error
	switch {
	case errors.As(err, &refusal) && (refusal.Code == job.NotFound || refusal.Code == job.Gone):
		return unusable("/image/job", refusal.Message), nil
	case err != nil:
		return job.Original{}, err
	case !j.Status.Terminal():
		return unusable("/image/job", "This job has not ended yet. Wait for its picture."), nil
	case j.Status != job.Succeeded:
		return unusable("/image/job", fmt.Sprintf("This job has no picture: it is %s.", j.Status)), nil
	}
	for _, output := range j.Outputs {
		if output.Index == source.Index {
			return job.Original{Width: output.Width, Height: output.Height}, nil
		}
	}
	return unusable("/image/index", fmt.Sprintf("Between 0 and %d for this job.", len(j.Outputs)-1)), nil
}

func unusable(path, message string) job.Original {
	return job.Original{Problem: &job.FieldError{Path: path, Message: message}}
}
