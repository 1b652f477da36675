package pages

import (
	"fmt"
	"math"
	"strings"

	"darkroom/gateway/internal/job"
)

// card is a job as its card shows it: one box for its whole life.
type card struct {
	ID    string
	State string // queued, loading, starting, running, finishing, retry, recovering, succeeded, failed, canceled, expired
	Frame string // brackets: a picture is coming · mat: it is here or forming · contact: several · well: none will come
	Still bool   // final when the page was made, and without a picture: a phone may draw it shorter
	Poll  string // when to ask again, in htmx's words; "" for a final card

	Large, LargeNote string
	Heading, Tone    string
	Lead, Advice     *line
	Pictures         []picture
	Proofs           bool
	Bar              *bar
	Simulated        bool
	Announce         string // for a screen reader: changes with the state and each quarter of the steps

	Left             *line
	LeftTone         string
	Right, RightWide string // the second where there is room for more
	Words            string // the beginning, where they are many
	Wordless         bool

	CanCancel, CanVary, CanReuse, CanPick, CanDelete, CanClear bool
	Picked                                                     bool
	Again                                                      string // the words of the button, "" for none
	SaveURL                                                    string
	Enlarge                                                    *enlargement
}

type picture struct {
	Src, Href, Alt string
	Width, Height  int // as shown: three times the picture's own pixels at most
	Index, Number  int // from 0 and from 1
	Seed           int64
}

// enlargement is a model that draws a finished picture again, larger.
type enlargement struct{ Model, Label string }

type bar struct {
	Value, Max int
	Label      string
}

// briefly is how many characters of the words a card, a title and a screen reader get.
const briefly = 200

// enlarge is how much a picture may grow on the page.
const enlarge = 3

// newCard shows j. It asks nobody: all that it says is in the job and the catalogue.
func newCard(j job.Job, models catalogue) card {
	c := card{ID: j.ID, Words: beginning(wordsOf(j), briefly), Left: &line{}}
	if c.Words == "" {
		c.Words, c.Wordless = "Words and settings follow", true
	}
	switch {
	case j.Status == job.Queued && stage(j) == "recovering", j.Status == job.Running && stage(j) == "recovering":
		c.recovering(j)
	case j.Status == job.Queued:
		c.queued(j, models)
	case j.Status == job.Running:
		c.running(j, models)
	case j.Status == job.Succeeded:
		c.succeeded(j, models)
	case j.Status == job.Failed:
		c.failed(j)
	case j.Status == job.Canceled:
		c.canceled(j, models)
	default:
		c.expired(j)
	}
	if !j.Status.Terminal() {
		c.CanCancel = true
		c.Poll = pace(j.RetryAfter)
	} else {
		c.Still = len(c.Pictures) == 0
	}
	c.Simulated = j.Simulated && len(c.Pictures) > 0
	return c
}

// pace rounds the server's Retry-After to a few steps, so that an unchanged card stays the same bytes.
func pace(seconds float64) string {
	switch {
	case seconds <= 0.75:
		return "500ms"
	case seconds <= 1.5:
		return "1s"
	case seconds <= 2.5:
		return "2s"
	case seconds <= 3.5:
		return "3s"
	default:
		return "5s"
	}
}

func stage(j job.Job) string {
	if j.Stage == nil {
		return ""
	}
	return *j.Stage
}

// wordsOf answers what the user typed.
func wordsOf(j job.Job) string {
	for _, field := range []string{"product", "prompt"} {
		if words, _ := j.Input[field].(string); strings.TrimSpace(words) != "" {
			return strings.TrimSpace(words)
		}
	}
	if j.Effective != nil {
		return strings.TrimSpace(j.Effective.Prompt)
	}
	return ""
}

func (c *card) queued(j job.Job, models catalogue) {
	c.State, c.Frame, c.Left = "queued", "brackets", say("Queued")
	c.Right = models.name(j.Model)
	if j.Effective != nil {
		c.Right += fmt.Sprintf(" · %d × %d", j.Effective.Width, j.Effective.Height)
	}
	why := ""
	if j.WaitingFor != nil {
		why = *j.WaitingFor
	}
	switch {
	case stage(j) == "retry_wait":
		c.State, c.Left, c.Right = "retry", say("Queued again"), fmt.Sprintf("try %d of %d", j.Attempt+1, j.MaxAttempts)
		c.Heading = capital(try(j.Attempt+1)) + " try"
		if j.RetryIn > 0 {
			c.Heading += fmt.Sprintf(" in %.0f%ss", math.Ceil(j.RetryIn), nbsp)
		}
		c.Lead, why = say(why), ""
	case models.nobody(j.Model):
		c.Large, c.Right = "Waiting", "no estimate yet"
		c.Lead, why = say(why), ""
		c.Advice = sayAt("If none is by %t it ends and you are told.", "clock", j.Deadline)
	case j.QueuePosition != nil && *j.QueuePosition > 1:
		c.Large, c.LargeNote = ordinal(*j.QueuePosition), "in line"
	default:
		c.Large = "Next"
	}
	if c.Lead == nil && j.ETASeconds != nil {
		c.Lead = say("Ready in about " + about(*j.ETASeconds) + ".")
	}
	if why != "" {
		c.Advice = say(why)
	}
	c.Announce = strings.TrimSpace(strings.TrimSpace(c.Large+" "+c.LargeNote) + " " + c.Heading)
}

func (c *card) recovering(j job.Job) {
	c.State, c.Frame, c.Left, c.Right = "recovering", "brackets", say("Recovering"), short(j.ID)
	c.Heading = "Finding this picture"
	c.Lead = say("Its record was lost and is being rebuilt. You do not have to do anything.")
	c.Advice = sayAt("You will have an answer by %t at the latest.", "clock", j.Deadline)
	c.Announce = c.Heading
}

func (c *card) running(j job.Job, models catalogue) {
	c.State, c.Frame, c.LeftTone = "running", "brackets", "warm"
	if j.Worker != nil {
		c.Right = *j.Worker
	}
	steps := max(j.Progress.Steps, 1)
	switch stage(j) {
	case "loading_model":
		c.State, c.Left = "loading", say("Starting")
		c.Heading, c.Tone = "Loading "+models.name(j.Model), "warm"
		c.Lead = say("The model is being read into memory. Your picture starts right after.")
		c.Announce = c.Heading
		return
	case "decoding", "uploading":
		c.State, c.Left, c.Right = "finishing", say("Finishing"), ""
		c.Bar = &bar{steps, steps, "Finishing"}
		c.Heading, c.Lead = "Finishing", say("All steps are done. The picture is being stored.")
		c.Announce = c.Heading
	default:
		if j.Progress.Step == 0 {
			c.State, c.Left = "starting", say("Starting")
			c.Heading, c.Lead = "Starting", say("A worker has your picture. The first step takes the longest.")
			c.Bar, c.Announce = &bar{0, steps, "Starting"}, c.Heading
			break
		}
		c.Left = say(fmt.Sprintf("Developing, step %d of %d", j.Progress.Step, steps))
		c.Heading, c.Lead = "Developing", say("The first glimpse appears here in a moment.")
		c.Bar = &bar{min(j.Progress.Step, steps), steps, c.Left.Before}
		c.Announce = "Developing" + []string{"", ", a quarter done", ", half done", ", three quarters done", ", almost done"}[4*c.Bar.Value/steps]
		if j.ETASeconds != nil {
			c.Right = "about " + about(*j.ETASeconds) + " left"
		}
	}
	if j.URLs.Preview != nil && j.PreviewRevision > 0 && j.Effective != nil {
		c.Frame = "mat"
		c.Pictures = []picture{{
			Src: fmt.Sprintf("%s?r=%d", *j.URLs.Preview, j.PreviewRevision), Alt: "Preview of " + c.Words,
			Width: enlarge * j.Effective.Width, Height: enlarge * j.Effective.Height,
		}}
	}
}

func (c *card) succeeded(j job.Job, models catalogue) {
	c.State, c.Frame, c.Announce = "succeeded", "mat", "Ready"
	c.CanVary, c.CanReuse, c.CanPick, c.CanDelete = true, true, true, true
	c.Pictures = picturesOf(j, c.Words)
	for i := range c.Pictures {
		c.Pictures[i].Href = "/jobs/" + j.ID
	}
	if len(c.Pictures) > 1 {
		c.Frame, c.Proofs = "contact", true
	}
	if len(c.Pictures) == 1 {
		c.SaveURL = c.Pictures[0].Src
	}
	if j.Effective != nil {
		c.Enlarge = models.enlarge(j.Effective.Width, j.Effective.Height)
		c.CanReuse = j.Effective.Image == nil // the bench draws from words alone
	}
	c.done(j)
	if total := j.Metrics.TotalMS; total != nil {
		c.Left.After += " · " + seconds(*total)
	}
	if j.Effective == nil {
		return
	}
	steps := fmt.Sprintf("%d steps · ", j.Effective.Steps)
	seeds := fmt.Sprintf("seed %d", j.Effective.Seed)
	c.Right = steps + seeds
	if n := len(c.Pictures); n > 1 {
		seeds = "seeds " + span(c.Pictures[0].Seed, c.Pictures[n-1].Seed)
		c.Right = fmt.Sprintf("%d · %s", n, seeds)
	}
	c.RightWide = fmt.Sprintf("%s · %sguidance %s · %s", models.name(j.Model), steps, decimal(j.Effective.GuidanceScale), seeds)
}

func (c *card) failed(j job.Job) {
	c.State, c.Frame, c.LeftTone = "failed", "well", "stop"
	c.Heading, c.Tone, c.Left = "Not made", "stop", say("Failed")
	c.CanReuse, c.CanDelete = len(j.Input) > 0, true
	c.Announce = c.Heading
	if j.Error == nil {
		return
	}
	c.Right = j.Error.Code
	if j.Error.Step != nil && j.Error.Steps != nil {
		c.Left = say(fmt.Sprintf("Failed at step %d of %d", *j.Error.Step, *j.Error.Steps))
	}
	c.Lead, c.Advice = whyFailed(*j.Error, j.Deadline)
	c.CanVary = c.CanReuse && j.Error.Code == "bad_output" // the same seed would come out empty again
	if j.Error.Retryable && c.CanReuse {
		c.Again = "Try again"
	}
}

func (c *card) canceled(j job.Job, models catalogue) {
	c.State, c.Frame, c.Heading, c.Announce = "canceled", "well", "Canceled", "Canceled"
	c.Right = models.name(j.Model)
	c.CanReuse, c.CanDelete = len(j.Input) > 0, true
	if c.CanReuse {
		c.Again = "Take it again"
	}
	c.Lead = say("You stopped this. Nothing was kept.")
	switch {
	case j.Error != nil && j.Error.Step != nil && j.Error.Steps != nil:
		c.Lead = say(fmt.Sprintf("You stopped this at step %d of %d. Nothing was kept.", *j.Error.Step, *j.Error.Steps))
	case j.Progress.Step > 0:
		c.Lead = say(fmt.Sprintf("You stopped this at step %d of %d. Nothing was kept.", j.Progress.Step, j.Progress.Steps))
	}
	c.Left = say("Canceled")
	if j.CompletedAt != nil {
		c.Left = sayAt("Canceled %t", "clock", *j.CompletedAt)
	}
}

func (c *card) expired(j job.Job) {
	c.State, c.Frame, c.Heading, c.Announce = "expired", "well", "Expired", "Expired"
	c.Words, c.Wordless, c.CanClear = "No longer on record", true, true
	c.Left, c.Right = say("Expired"), short(j.ID)
	if j.ExpiresAt != nil {
		c.Left = sayAt("Expired %t", "day", *j.ExpiresAt)
	}
	kept := "a while only"
	if j.ExpiresAt != nil {
		kept = days(j.ExpiresAt.Sub(j.CreatedAt))
	}
	c.Lead = sayAt("Pictures are kept for "+kept+". This one was taken on %t and is gone, with its settings.", "date", j.CreatedAt)
}

// done puts the time of completion on the left of the edge print.
func (c *card) done(j job.Job) {
	if j.CompletedAt != nil {
		c.Left = sayAt("%t", "clock", *j.CompletedAt)
	}
}

func picturesOf(j job.Job, words string) []picture {
	pictures := make([]picture, 0, len(j.Outputs))
	for i, output := range j.Outputs {
		alt := words
		if len(j.Outputs) > 1 {
			alt = fmt.Sprintf("%s, picture %d of %d", words, i+1, len(j.Outputs))
		}
		pictures = append(pictures, picture{
			Src: output.URL, Alt: alt, Index: output.Index, Number: i + 1, Seed: output.Seed,
			Width: enlarge * output.Width, Height: enlarge * output.Height,
		})
	}
	return pictures
}

// short shows an id where a person only needs to tell it from others.
func short(id string) string {
	if len(id) <= 9 {
		return id
	}
	return id[:4] + "…" + id[len(id)-4:]
}
