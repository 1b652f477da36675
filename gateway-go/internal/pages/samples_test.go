package pages

import (
	"fmt"
	"time"

	"darkroom/gateway/internal/job"
)

func ref[T any](value T) *T { return &value }

// sampleWords are those of web/static/samples.json, and one that nobody has drawn yet.
var sampleWords = []string{
	"a glossy red mug on a white background", "a blue sneaker on a light grey background, hard light", "photo of a green teapot on a sky blue background",
	"a turquoise perfume bottle against a pink backdrop", "a yellow backpack on a dark background, studio lighting", "words that nobody drew",
}

var sampleModels = catalogue{
	{
		ID: "pocket-studio", Name: "Pocket Studio", Task: "text_to_image", Default: true, Workers: 2, Warm: 1, QueueLength: 1, SecondsPerJob: ref(1.3), SecondsWaiting: ref(0.4),
		Description: "Single product shots, drawn in about a second on two CPU cores. It knows eighteen products in twelve colours.",
		Sizes: job.Sizes{Min: 128, Max: 768, MultipleOf: 8, Offered: []job.Size{
			{Name: "Square", Width: 512, Height: 512}, {Name: "Portrait", Width: 512, Height: 768}, {Name: "Landscape", Width: 768, Height: 512},
		}},
		Steps: job.Range[int]{Min: 1, Max: 50}, Guidance: job.Range[float64]{Min: 1, Max: 15}, Schedulers: []string{"ddim", "dpmpp_2m"},
		SchedulerNames: map[string]string{"ddim": "DDIM", "dpmpp_2m": "DPM++ 2M"}, NegativePrompt: true, Examples: sampleWords,
		Formats: []string{"png"}, MaxN: 4,
		Presets: []job.Preset{
			{ID: "studio", Name: "Studio", Template: "a studio photo of {product}"}, {ID: "lifestyle", Name: "Lifestyle", Template: "{product} in use"},
			{ID: "flat-lay", Name: "Flat lay", Template: "{product} from above"}, {ID: "none", Name: "None", Template: "{product}"},
		},
		Defaults: job.Defaults{Preset: "studio", Width: 512, Height: 512, Steps: 20, GuidanceScale: 3, Scheduler: "ddim", Format: "png", N: 1},
	},
	{
		ID: "sdxl", Name: "SDXL", Task: "text_to_image", QueueLength: 2, Workers: 1, Sizes: job.Sizes{Offered: []job.Size{{Name: "Square", Width: 1024, Height: 1024}}},
		Steps: job.Range[int]{Min: 1, Max: 60}, Guidance: job.Range[float64]{Min: 1, Max: 12}, Schedulers: []string{"euler"}, SchedulerNames: map[string]string{"euler": "Euler"}, MaxN: 2,
		Defaults: job.Defaults{Width: 1024, Height: 1024, Steps: 30, GuidanceScale: 6, Scheduler: "euler", N: 1},
	},
	{ID: "sd-x4-upscaler", Name: "Upscaler x4", Task: "upscale", Scale: ref(4), Workers: 1, Sizes: job.Sizes{Min: 256, Max: 2048, MultipleOf: 32}, MaxN: 1},
	{ID: "lonely", Name: "Lonely", Defaults: job.Defaults{Width: 512, Height: 512, Steps: 4, N: 1}, MaxN: 1},
}

// sampleJob is a job with everything that every state shares.
func sampleJob(name, words string, status job.Status) job.Job {
	now := time.Date(2026, 11, 20, 22, 44, 7, 0, time.UTC)
	id := fmt.Sprintf("%-42s", name)
	id = string([]rune(id))
	for i := range id {
		if id[i] == ' ' {
			id = id[:i] + repeat("0", 42-i)
			break
		}
	}
	j := job.Job{
		ID: id, Kind: "text_to_image", Status: status, Model: "pocket-studio", CreatedAt: now, Deadline: now.Add(15 * time.Minute),
		Attempt: 1, MaxAttempts: 3, Progress: job.Progress{Steps: 20},
		Input:     map[string]any{"product": words, "preset": "studio", "negative_prompt": "text, people"},
		Effective: &job.Spec{Prompt: "a studio photo of " + words, NegativePrompt: "text, people", Width: 512, Height: 512, Steps: 20, GuidanceScale: 3, Scheduler: "ddim", Seed: 48213, N: 1, Format: "png"},
		SeedDrawn: true, URLs: job.URLs{Self: "/v1/jobs/" + id, Cancel: "/v1/jobs/" + id + "/cancel"},
	}
	if !status.Terminal() {
		j.RetryAfter = 1
	} else {
		j.CompletedAt, j.ExpiresAt = ref(now.Add(1500*time.Millisecond)), ref(now.Add(7*24*time.Hour))
	}
	return j
}

func repeat(text string, n int) string {
	var out string
	for range n {
		out += text
	}
	return out
}

func queuedJob(name, words, stage string) job.Job {
	j := sampleJob(name, words, job.Queued)
	j.Stage, j.Attempt = ref(stage), 0
	return j
}

func runningJob(name, words, stage string, step int) job.Job {
	j := sampleJob(name, words, job.Running)
	j.Stage, j.Worker, j.StartedAt = ref(stage), ref("worker 2"), ref(j.CreatedAt)
	j.Progress = job.Progress{Value: float64(step) / 20, Step: step, Steps: 20}
	return j
}

func pictureJob(name, words string, n int) job.Job {
	j := sampleJob(name, words, job.Succeeded)
	j.Worker, j.Effective.N = ref("worker 1"), n
	for i := range n {
		j.Outputs = append(j.Outputs, job.Output{
			Index: i, URL: fmt.Sprintf("/v1/jobs/%s/images/%d", j.ID, i), ContentType: "image/png", Width: 512, Height: 512, SizeBytes: 214_000,
			SHA256: "9f3a" + repeat("0", 56) + "61c0", Seed: 48213 + int64(i),
		})
	}
	j.Metrics = job.Metrics{QueueMS: ref[int64](180), LoadMS: ref[int64](0), DenoiseMS: ref[int64](1020), DecodeMS: ref[int64](70), UploadMS: ref[int64](230), TotalMS: ref[int64](1500)}
	return j
}

func failedJob(code string, retryable bool) job.Job {
	j := sampleJob("fail"+code[:4], "a brown leather armchair by a window", job.Failed)
	j.Error = &job.Failure{Code: code, Message: "The engine said no.", Retryable: retryable, Step: ref(14), Steps: ref(20)}
	return j
}

// sampleJobs is every state that a card can show, by the name of the state.
func sampleJobs() map[string]job.Job {
	jobs := map[string]job.Job{
		"queued":        queuedJob("third", "a white teapot on dark slate, hard side light", "waiting"),
		"next":          queuedJob("next", "a black teapot on white", "waiting"),
		"no worker":     queuedJob("lonely", "a linen sofa in an empty room", "waiting"),
		"retry":         queuedJob("retry", "a steel kettle, three-quarter view", "retry_wait"),
		"loading":       runningJob("loading", "a white teapot on dark slate", "loading_model", 0),
		"starting":      runningJob("starting", "a grey box", "denoising", 0),
		"running blind": runningJob("blind", "a brown vase", "denoising", 3),
		"running":       runningJob("running", "a turquoise perfume bottle, studio light, pink seamless backdrop", "denoising", 12),
		"finishing":     runningJob("finish", "a purple bowl", "uploading", 20),
		"recovering":    queuedJob("recover", "", "recovering"),
		"succeeded":     pictureJob("bottle", "a green glass bottle", 1),
		"four":          pictureJob("vase", "a glazed ceramic vase", 4),
		"canceled":      sampleJob("canceled", "a yellow chair on black", job.Canceled),
		"expired":       sampleJob("expired", "", job.Expired),
		"failed":        failedJob("worker_lost", true),
	}
	edit := func(name string, change func(*job.Job)) {
		j := jobs[name]
		change(&j)
		jobs[name] = j
	}
	edit("queued", func(j *job.Job) {
		j.Model, j.QueuePosition, j.ETASeconds, j.RetryAfter = "sdxl", ref(3), ref(38.2), 5
		j.Effective.Width, j.Effective.Height = 1024, 1024
		j.WaitingFor = ref("SDXL is being loaded on worker 2, 12 s left. Two pictures go first.")
	})
	edit("next", func(j *job.Job) {
		j.QueuePosition, j.ETASeconds = ref(1), ref(3.6)
		j.WaitingFor = ref("Worker 1 is finishing the picture before yours.")
	})
	edit("no worker", func(j *job.Job) {
		j.Model, j.QueuePosition, j.WaitingFor = "lonely", ref(1), ref("No worker has Lonely right now. It starts as soon as one is back.")
	})
	edit("retry", func(j *job.Job) {
		j.Attempt, j.RetryIn, j.WaitingFor = 1, 11.6, ref("The worker ran into trouble. This will be try 2 of 3.")
	})
	edit("running", func(j *job.Job) {
		j.ETASeconds, j.PreviewRevision, j.URLs.Preview = ref(0.9), 7, ref("/v1/jobs/"+j.ID+"/preview")
	})
	edit("finishing", func(j *job.Job) { j.PreviewRevision, j.URLs.Preview = 9, ref("/v1/jobs/"+j.ID+"/preview") })
	edit("recovering", func(j *job.Job) { j.Input, j.Effective = nil, nil })
	edit("canceled", func(j *job.Job) { j.Progress = job.Progress{Value: .35, Step: 7, Steps: 20} })
	edit("expired", func(j *job.Job) { j.Input, j.Effective = nil, nil })
	return jobs
}
