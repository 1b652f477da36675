package orders

import (
	"sync"
	"time"

	"darkroom/gateway/internal/job"
)

// toldLimit bounds the memory of estimates: about 100 bytes each.
const toldLimit = 4096

// told remembers what was promised to those whose jobs this desk took, until it sees how long they took.
// Another gateway may be asked first; then nothing is learnt of that job.
type told struct {
	mu        sync.Mutex
	estimates map[string]time.Duration // by job id, from its submission on
}

func newTold() *told { return &told{estimates: map[string]time.Duration{}} }

// promise keeps the estimate of a job that was just accepted.
func (t *told) promise(j job.Job) {
	if j.ETASeconds == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for old := range t.estimates { // any one: Go begins a range anywhere
		if len(t.estimates) < toldLimit {
			break
		}
		delete(t.estimates, old)
	}
	t.estimates[j.ID] = time.Duration(*j.ETASeconds * float64(time.Second))
}

// kept answers by how much a succeeded job took longer than was told, once; negative when it was done sooner.
func (t *told) kept(j job.Job) (late time.Duration, known bool) {
	if !j.Status.Terminal() {
		return 0, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	estimate, known := t.estimates[j.ID]
	delete(t.estimates, j.ID)
	if j.Status != job.Succeeded || j.CompletedAt == nil {
		return 0, false
	}
	return j.CompletedAt.Sub(j.CreatedAt) - estimate, known
}
