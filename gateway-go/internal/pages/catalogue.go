package pages

import "darkroom/gateway/internal/job"

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
