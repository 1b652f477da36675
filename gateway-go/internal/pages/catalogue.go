package pages

import (
	"fmt"
	"slices"

	"darkroom/gateway/internal/job"
)

// catalogue is the models as the page shows them.
type catalogue []job.Model

// find answers the model, or the default one when id is "" or unknown.
func (c catalogue) find(id string) job.Model {
	var standard job.Model
	for _, model := range c {
		if model.ID == id {
			return model
		}
		if model.Default || standard.ID == "" {
			standard = model
		}
	}
	return standard
}

// draws answers the models that the bench offers: those that need nothing but words.
func (c catalogue) draws() catalogue {
	return slices.DeleteFunc(slices.Clone(c), func(m job.Model) bool { return m.Scale != nil })
}

// enlarge answers the first model that can enlarge a picture of this size in pixels, nil when there is none.
func (c catalogue) enlarge(width, height int) *enlargement {
	for _, m := range c {
		if m.Scale == nil {
			continue
		}
		fits := func(side int) bool {
			side *= *m.Scale
			return side >= m.Sizes.Min && side <= m.Sizes.Max && side%m.Sizes.MultipleOf == 0
		}
		if fits(width) && fits(height) {
			return &enlargement{m.ID, fmt.Sprintf("Upscale ×%d", *m.Scale)}
		}
	}
	return nil
}

// has reports whether a model is offered.
func (c catalogue) has(id string) bool {
	return slices.ContainsFunc(c, func(m job.Model) bool { return m.ID == id })
}

// name answers what people read for a model's id, also for one that is no longer offered.
func (c catalogue) name(id string) string {
	for _, model := range c {
		if model.ID == id {
			return model.Name
		}
	}
	return id
}

// nobody reports that the model is offered and no live worker serves it.
func (c catalogue) nobody(id string) bool {
	for _, model := range c {
		if model.ID == id {
			return model.Workers == 0
		}
	}
	return false
}
