package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"darkroom/gateway/internal/job"

	"github.com/redis/go-redis/v9"
)

// heartbeatAge is past which a worker no longer counts as alive; its key lives for 20 s.
const heartbeatAge = 20 * time.Second

// Heartbeat is what a worker says of itself. Held are the ids of all messages that it has taken.
type Heartbeat struct {
	Worker job.Worker
	Held   []string
}

// heartbeat is the JSON of worker:{name}; times are ms since 1970 UTC.
type heartbeat struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Models  []string `json:"models"`
	Warm    []string `json:"warm"`
	Held    []string `json:"held"`
	State   string   `json:"state"`
	Reason  string   `json:"reason"`
	Stage   string   `json:"stage"`
	Loading *struct {
		Model      string `json:"model"`
		Since      int64  `json:"since"`
		ExpectedMS int64  `json:"expected_ms"`
	} `json:"loading"`
	Barred    map[string]string `json:"barred"`
	GPU       any               `json:"gpu"`
	StartedAt int64             `json:"started_at"`
	At        int64             `json:"at"`
}

// Workers answers the heartbeats of all live workers, in the order of their names.
func (l *Ledger) Workers(ctx context.Context) ([]Heartbeat, error) {
	since := l.Now().Add(-heartbeatAge).UnixMilli()
	names, err := l.client.ZRangeArgs(ctx, redis.ZRangeArgs{Key: "workers", ByScore: true, Start: since, Stop: "+inf"}).Result()
	if err != nil || len(names) == 0 {
		return nil, classify(err)
	}
	keys := make([]string, len(names))
	for i, name := range names {
		keys[i] = "worker:" + name
	}
	texts, err := l.client.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, classify(err)
	}
	var alive []Heartbeat
	for _, text := range texts {
		if text, ok := text.(string); ok {
			if beat, ok := readHeartbeat(text); ok {
				alive = append(alive, beat)
			}
		}
	}
	return alive, nil
}

// lostWindow is how long a worker that fell silent is still missed.
const lostWindow = time.Hour

// Lost counts the workers that fell silent within the last hour and did not leave in good order: who does takes its name away.
func (l *Ledger) Lost(ctx context.Context) (int, error) {
	now := l.Now()
	from, until := now.Add(-lostWindow).UnixMilli(), now.Add(-heartbeatAge).UnixMilli()
	lost, err := l.client.ZCount(ctx, "workers", strconv.FormatInt(from, 10), "("+strconv.FormatInt(until, 10)).Result()
	return int(lost), classify(err)
}

// MadeToday counts the jobs that each worker has made since midnight UTC, by its name.
func (l *Ledger) MadeToday(ctx context.Context) (map[string]int, error) {
	day := l.Now().UnixMilli() / (24 * time.Hour).Milliseconds()
	texts, err := l.client.HGetAll(ctx, fmt.Sprintf("made:%d", day)).Result()
	if err != nil {
		return nil, classify(err)
	}
	made := map[string]int{}
	for worker, text := range texts {
		if made[worker], err = strconv.Atoi(text); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// An unreadable heartbeat is of a worker that this gateway cannot know: as good as none.
func readHeartbeat(text string) (Heartbeat, bool) {
	var h heartbeat
	if json.Unmarshal([]byte(text), &h) != nil || h.Name == "" {
		return Heartbeat{}, false
	}
	gpu, _ := h.GPU.(string)
	w := job.Worker{
		Name: h.Name, Version: h.Version, Models: h.Models, Warm: h.Warm, State: h.State, Reason: h.Reason, Stage: h.Stage, GPU: gpu, Held: len(h.Held),
		Barred: h.Barred, StartedAt: time.UnixMilli(h.StartedAt).UTC(), SeenAt: time.UnixMilli(h.At).UTC(),
	}
	if h.Loading != nil {
		w.Loading = &job.Loading{Model: h.Loading.Model, Since: time.UnixMilli(h.Loading.Since).UTC(), ExpectedMS: h.Loading.ExpectedMS}
	}
	return Heartbeat{w, h.Held}, true
}
