package pages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"darkroom/gateway/internal/job"
)

// code is a job's request in the words of three programs: what was sent, with the seed that was used, so that it makes the same picture again.
type code struct{ Curl, Python, CLI string }

// origin is what the address bar shows of this service.
func (s *Studio) origin(r *http.Request) string {
	if s.HTTPS(r) {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func codeOf(j job.Job, origin string) *code {
	request := requestOf(j)
	if j.Effective != nil {
		request.Seed = &j.Effective.Seed
	}
	file := "png"
	if j.Effective != nil && j.Effective.Format != "" {
		file = j.Effective.Format
	}
	return &code{Curl: curlOf(request, origin), Python: pythonOf(request, origin, file), CLI: cliOf(request, j.Effective, origin, file)}
}

// curlOf waits for the picture with the request, and keeps the cookie that the job belongs to.
func curlOf(request job.Request, origin string) string {
	return "curl -X POST " + origin + "/v1/jobs \\\n  -c jar -b jar -H 'Prefer: wait=60' \\\n  -H 'Content-Type: application/json' \\\n  -d " + quoted(literal(request, "  "))
}

func pythonOf(request job.Request, origin, file string) string {
	return `import httpx

with httpx.Client(base_url="` + origin + `", timeout=70) as darkroom:
    job = darkroom.post("/v1/jobs", json=` + literal(request, "    ") + `).raise_for_status().json()
    while not job["completed_at"]:
        job = darkroom.get(job["urls"]["self"], headers={"Prefer": "wait=60"}).json()
    for picture in job["outputs"]:
        with open(f"picture-{picture['seed']}.` + file + `", "wb") as file:
            file.write(darkroom.get(picture["url"]).content)`
}

// literal is the request as JSON; one without null, true and false is a Python literal too. Lines after the first begin with indent.
func literal(request job.Request, indent string) string {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent(indent, "  ")
	_ = encoder.Encode(request) // texts and numbers, into memory
	return strings.TrimSpace(body.String())
}

// quoted is a text that a shell takes as it stands.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// cliOf writes the command `darkroom draw`: "" for a job that it cannot ask for, one that begins with a picture.
func cliOf(request job.Request, effective *job.Spec, origin, file string) string {
	words := request.Prompt
	if request.Preset != nil {
		words = request.Product
	} else if effective != nil {
		words = &effective.Prompt // a product without a look was put into the model's own
	}
	if request.Image != nil || words == nil {
		return ""
	}
	var options []string
	option := func(name string, value any) { options = append(options, fmt.Sprintf("%s %v", name, value)) }
	text := func(name string, value *string) {
		if value != nil {
			option(name, quoted(*value))
		}
	}
	text("--model", request.Model)
	text("--preset", request.Preset)
	text("--negative", request.NegativePrompt)
	if request.Width != nil && request.Height != nil {
		option("--size", shapeValue(*request.Width, *request.Height))
	}
	if request.Steps != nil {
		option("--steps", *request.Steps)
	}
	if request.GuidanceScale != nil {
		option("--guidance", decimal(*request.GuidanceScale))
	}
	text("--scheduler", request.Scheduler)
	if request.Seed != nil {
		option("--seed", *request.Seed)
	}
	if request.N != nil {
		option("-n", *request.N)
	}
	text("--format", request.Format)
	option("-o", "picture."+file)
	return "DARKROOM_URL=" + origin + " darkroom draw \\\n  " + strings.Join(options, " \\\n  ") + " \\\n  -- " + quoted(*words)
}
