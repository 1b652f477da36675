package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"time"
)

// draw has one picture made, from the request to its end.
func draw() error {
	jar, err := cookiejar.New(nil) // a job is shown to whom it belongs
	if err != nil {
		return err
	}
	client, begun := http.Client{Timeout: patience, Jar: jar}, time.Now()
	job, err := ask(client, http.MethodPost, "/v1/jobs", `{"product": "a green glass bottle", "seed": 7}`)
	for err == nil && (job.Status == "queued" || job.Status == "running") && time.Since(begun) < patience {
		job, err = ask(client, http.MethodGet, "/v1/jobs/"+job.ID, "")
	}
	if err != nil {
		return err
	}
	if job.Status != "succeeded" || len(job.Outputs) != 1 {
		return fmt.Errorf("the job is %s after %s", job.Status, time.Since(begun))
	}
	fmt.Printf("a picture of %d × %d in %.0f s\n", job.Outputs[0].Width, job.Outputs[0].Height, time.Since(begun).Seconds())
	return nil
}

type job struct {
	ID, Status string
	Outputs    []struct{ Width, Height int }
}

// ask waits up to 20 s for the job's end.
func ask(client http.Client, method, path, body string) (job, error) {
	request, err := http.NewRequest(method, "http://127.0.0.1:8080"+path, strings.NewReader(body))
	if err != nil {
		return job{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Prefer", "wait=20")
	answer, err := client.Do(request)
	if err != nil {
		return job{}, err
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	var found job
	if answer.StatusCode >= http.StatusBadRequest {
		return job{}, errors.New(answer.Status)
	}
	return found, json.NewDecoder(answer.Body).Decode(&found)
}
