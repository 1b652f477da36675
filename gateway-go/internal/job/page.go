package job

// Page is a part of an owner's jobs, newest first.
type Page struct {
	Jobs  []Job  `json:"jobs"`
	Next  string `json:"next"` // cursor of the following page, "" at the end
	Total int    `json:"total"`
}

// Estimate is the answer to a dry run: what would run, and when it would be done.
type Estimate struct {
	Model         string   `json:"model"`
	Kind          string   `json:"kind"`
	Effective     Spec     `json:"effective"`
	SeedDrawn     bool     `json:"seed_drawn"`
	Warnings      []string `json:"warnings"`
	QueuePosition int      `json:"queue_position"`
	ETASeconds    *float64 `json:"eta_seconds"` // null rather than a guess
}
