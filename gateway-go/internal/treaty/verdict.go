package treaty

import (
	"fmt"

	"darkroom/gateway/internal/job"
)

// Verdict reads the verdict of the job with this id.
func (d *Decoder) Verdict(id string, text []byte) (job.Verdict, error) {
	var v job.Verdict
	if err := decode(d.verdict, text, &v); err != nil {
		return job.Verdict{}, fmt.Errorf("verdict of %s: %w", id, err)
	}
	if v.ID != id {
		return job.Verdict{}, fmt.Errorf("verdict of %s names the job %s", id, v.ID)
	}
	return v, nil
}
