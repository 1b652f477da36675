package ledger

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"darkroom/gateway/internal/job"

	"github.com/redis/go-redis/v9"
)

// server is a Redis of this test alone, so that it can be misconfigured and killed.
type server struct {
	socket string
	raw    *redis.Client
	kill   func()
}

func start(t *testing.T, options ...string) *server {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	socket := filepath.Join(t.TempDir(), "redis.sock")
	command := exec.Command(binary, append([]string{"--port", "0", "--unixsocket", socket, "--save", "", "--dir", t.TempDir()}, options...)...) //nolint:gosec // a test's own server
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	s := &server{socket: socket, raw: redis.NewClient(&redis.Options{Network: "unix", Addr: socket})}
	s.kill = func() { _, _ = command.Process.Kill(), command.Wait() }
	t.Cleanup(func() { s.kill(); _ = s.raw.Close() })
	for s.raw.Ping(t.Context()).Err() != nil {
		if t.Context().Err() != nil {
			t.Fatal("redis-server does not answer")
		}
	}
	return s
}

func (s *server) open(t *testing.T) *Ledger {
	t.Helper()
	l, err := Open("unix://"+s.socket, nil, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func submission(l *Ledger, id string) Submission {
	now := l.Now().UnixMilli()
	return Submission{BodyHash: "b", QueueLimit: 10, Message: job.Message{
		Version: 1, ID: id, Owner: strings.Repeat("a", 32), Model: "m", Task: "simulated", Spec: job.Spec{Prompt: "x"}, Input: []byte(`{}`),
		Warnings: []string{}, Metadata: map[string]string{}, CreatedAt: now, Deadline: now + 60_000, MaxAttempts: 3,
	}}
}

func TestAnEvictionPolicyIsRefusedAtTheStart(t *testing.T) {
	l := start(t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru").open(t)
	if err := l.Check(t.Context()); !errors.Is(err, job.ErrMisconfigured) || !strings.Contains(err.Error(), "allkeys-lru") {
		t.Fatal(err)
	}
}

func TestAFlushOfTheScriptsIsNotNoticed(t *testing.T) {
	s := start(t)
	l := s.open(t)
	for _, id := range []string{"one", "two"} {
		if answer, err := l.Submit(t.Context(), submission(l, id)); err != nil || answer.Word != Created {
			t.Fatal(answer, err)
		}
		s.raw.ScriptFlush(t.Context())
	}
}

func TestARefusalOfRedisMeansThatTheScriptDidNotRun(t *testing.T) {
	s := start(t)
	l := s.open(t)
	s.raw.ConfigSet(t.Context(), "maxmemory", "1mb")
	s.raw.ConfigSet(t.Context(), "maxmemory-policy", "noeviction")
	for i := range 100 {
		if s.raw.Set(t.Context(), strings.Repeat("x", i+1), strings.Repeat("y", 100_000), 0).Err() != nil {
			break
		}
	}
	if _, err := l.Submit(t.Context(), submission(l, "one")); !errors.Is(err, job.ErrAway) {
		t.Fatalf("out of memory: %v", err)
	}
	if n := s.raw.Exists(t.Context(), "job:one", "queued:m", "outbox").Val(); n != 0 {
		t.Errorf("%d keys were written", n)
	}
}

func TestAServerThatIsGoneIsAwayAndAReplyThatIsLostIsNot(t *testing.T) {
	s := start(t)
	l := s.open(t)
	if _, err := l.Submit(t.Context(), submission(l, "one")); err != nil {
		t.Fatal(err)
	}
	s.raw.ClientPause(t.Context(), 10*time.Second)
	soon, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := l.Submit(soon, submission(l, "two")); err == nil || errors.Is(err, job.ErrAway) {
		t.Errorf("a reply that did not come: %v", err)
	}
	s.kill()
	for i := range 3 {
		if _, err := l.Submit(t.Context(), submission(l, "three")); err == nil || i > 0 && !errors.Is(err, job.ErrAway) {
			t.Errorf("a server that is gone: %v", err)
		}
	}
}

func TestTheClockIsSetByTheScriptThatFindsItWrong(t *testing.T) {
	l := start(t).open(t)
	l.clock.set(time.Now().Add(-time.Hour))
	if answer, err := l.Submit(t.Context(), submission(l, "one")); err != nil || answer.Word != Clock {
		t.Fatal(answer, err)
	}
	if off := time.Since(l.Now()).Abs(); off > time.Second {
		t.Fatalf("still off by %v", off)
	}
	if answer, err := l.Submit(t.Context(), submission(l, "two")); err != nil || answer.Word != Created {
		t.Fatal(answer, err)
	}
}

func TestALookAtRedisSetsTheClock(t *testing.T) {
	l := start(t).open(t)
	l.clock.set(time.Now().Add(-time.Hour))
	if err := l.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if off := time.Since(l.Now()).Abs(); off > time.Second {
		t.Fatalf("still off by %v", off)
	}
}

func TestTheMarkIsTheLatestStampClaimedLongEnoughAgo(t *testing.T) {
	s := start(t)
	l := s.open(t)
	now := time.UnixMilli(1_800_000_000_000)
	bucket := now.UnixMilli() / markBucketMS
	s.raw.HSet(t.Context(), "mark:m", "old", 5, bucket-8, 80, bucket-7, 70, bucket-5, 999)
	for before, want := range map[time.Duration]int64{-30 * time.Second: 80, -42 * time.Second: 5, 0: 999} {
		if got, err := l.Mark(t.Context(), "m", now.Add(before)); err != nil || got != want {
			t.Errorf("before %v: %d, %v, want %d", before, got, err, want)
		}
	}
}

func TestTheBooksAreRightWhileJobsBeginAndEnd(t *testing.T) {
	l := start(t).open(t)
	ended := make(chan error, 1)
	go func() {
		ended <- func() error {
			for i := range 500 {
				s := submission(l, "job-"+strconv.Itoa(i))
				m := s.Message
				if _, err := l.Submit(t.Context(), s); err != nil {
					return err
				}
				if _, err := l.Published(t.Context(), m.ID, true); err != nil {
					return err
				}
				v := job.Verdict{Version: 1, ID: m.ID, State: job.StateCanceled, Owner: m.Owner, CreatedAt: m.CreatedAt, CompletedAt: m.CreatedAt, Deadline: m.Deadline, ExpiresAt: m.Deadline, Attempt: new(0)}
				if _, err := l.Settle(t.Context(), v, false); err != nil {
					return err
				}
			}
			return nil
		}()
	}()
	for {
		books, err := l.Books(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if books.Unaccounted != 0 {
			t.Fatalf("%+v", books)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
	}
}

func TestTheBooksSaySinceWhenTheyCount(t *testing.T) {
	s := start(t)
	l := s.open(t)
	before := l.Now().Add(-time.Second)
	if word, err := l.Word(t.Context()); err != nil || word.Since != nil || word.Lost != nil || word.Told != 0 {
		t.Fatalf("of an empty Redis: %+v, %v", word, err)
	}
	var first time.Time
	for _, gateway := range []string{"one", "another"} {
		if epoch, err := l.Epoch(t.Context(), gateway); err != nil || epoch != "one" {
			t.Fatalf("epoch %q, %v", epoch, err)
		}
		word, err := l.Word(t.Context())
		if err != nil || word.Since == nil || word.Since.Before(before) || gateway == "another" && !word.Since.Equal(first) {
			t.Fatalf("%s: %+v, %v", gateway, word, err)
		}
		first = *word.Since
	}
}

// oneWrite is a gateway that dies after its first command.
type oneWrite struct{ sent bool }

func (*oneWrite) DialHook(next redis.DialHook) redis.DialHook { return next }

func (o *oneWrite) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, command redis.Cmder) error {
		if o.sent {
			return errors.New("dead")
		}
		o.sent = true
		return next(ctx, command)
	}
}

func (*oneWrite) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func TestAGatewayThatDiesWhileItSetsTheEpochLeavesNoBooksWithoutTheirBeginning(t *testing.T) {
	s := start(t)
	dying, other := s.open(t), s.open(t)
	dying.client.Ping(t.Context()) // what a connection says at its beginning is no write
	dying.client.AddHook(&oneWrite{})
	_, _ = dying.Epoch(t.Context(), "one")
	if _, err := other.Epoch(t.Context(), "another"); err != nil {
		t.Fatal(err)
	}
	if word, err := other.Word(t.Context()); err != nil || word.Since == nil {
		t.Errorf("%+v, %v", word, err)
	}
}

func TestARestoredRedisKeepsItsBeginningAndGetsAnEpoch(t *testing.T) {
	s := start(t)
	s.raw.Set(t.Context(), "since", 1795300000000, 0)
	l := s.open(t)
	if epoch, err := l.Epoch(t.Context(), "one"); err != nil || epoch != "one" {
		t.Fatalf("epoch %q, %v", epoch, err)
	}
	if word, err := l.Word(t.Context()); err != nil || word.Since == nil || word.Since.UnixMilli() != 1795300000000 {
		t.Errorf("%+v, %v", word, err)
	}
}

func TestAWorkerThatFellSilentIsMissedForAnHourUnlessItTookItsNameAway(t *testing.T) {
	s := start(t)
	l := s.open(t)
	now := l.Now()
	for name, silent := range map[string]time.Duration{"alive": 0, "lost": time.Minute, "lost too": 50 * time.Minute, "forgotten": 2 * time.Hour} {
		s.raw.ZAdd(t.Context(), "workers", redis.Z{Score: float64(now.Add(-silent).UnixMilli()), Member: name})
	}
	if lost, err := l.Lost(t.Context()); err != nil || lost != 2 {
		t.Fatalf("%d, %v", lost, err)
	}
	s.raw.ZRem(t.Context(), "workers", "lost") // its goodbye
	if lost, err := l.Lost(t.Context()); err != nil || lost != 1 {
		t.Fatalf("%d, %v", lost, err)
	}
}

func TestHeartbeatsOfEarlierReleasesAreRead(t *testing.T) {
	files, err := filepath.Glob("../../../contract/examples/released/*/heartbeat/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples (%v)", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if beat, ok := readHeartbeat(string(text)); !ok || beat.Worker.State == "" || len(beat.Worker.Models) == 0 || beat.Worker.SeenAt.IsZero() {
			t.Errorf("%s: %+v", file, beat)
		}
	}
}
