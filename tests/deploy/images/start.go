package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	patience = 4 * time.Minute // for a worker that loads torch and its first model
	grace    = time.Minute     // as Compose has it
)

// where the services are: what `stack.py with` puts into the environment, and Compose into files.
var services = []string{"RABBITMQ_URL", "REDIS_URL", "S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY"}

// unit is an image that runs.
type unit struct {
	name    string
	image   image
	env     []string
	process *exec.Cmd
	log     string
	ended   chan error
}

// start runs gateway and worker until both are healthy and have drawn a picture, then stops them as Compose does.
func start(folder string) error {
	keys := make([]byte, 32)
	if _, err := rand.Read(keys); err != nil {
		return err
	}
	env := []string{"GATEWAY_ID_KEYS=" + hex.EncodeToString(keys)}
	for _, key := range services {
		env = append(env, key+"="+os.Getenv(key))
	}
	var units []*unit
	defer func() {
		for _, u := range units {
			u.kill()
		}
	}()
	for _, name := range names {
		u, err := begin(filepath.Join(folder, name), name, env)
		if err != nil {
			return err
		}
		units = append(units, u)
		took, err := u.healthy()
		if err != nil {
			return err
		}
		fmt.Printf("%s: as user %s on a read-only root, healthy after %.0f s\n", name, u.image.User, took.Seconds())
	}
	if err := draw(); err != nil {
		return err
	}
	for _, u := range units {
		if err := u.stop(); err != nil {
			return err
		}
	}
	return nil
}

func begin(folder, name string, env []string) (*unit, error) {
	made, err := readImage(folder)
	if err != nil {
		return nil, err
	}
	u := &unit{name: name, image: made, env: env, log: filepath.Join(folder, "log"), ended: make(chan error, 1)}
	output, err := os.Create(u.log)
	if err != nil {
		return nil, err
	}
	u.process = made.command(mounts+readOnly, env, append(append([]string{}, made.Entrypoint...), made.Command...))
	u.process.Stdout, u.process.Stderr = output, output
	if err := u.process.Start(); err != nil {
		return nil, err
	}
	go func() { u.ended <- u.process.Wait() }()
	return u, nil
}

// healthy asks the image's own HEALTHCHECK until it is content.
func (u *unit) healthy() (time.Duration, error) {
	begun := time.Now()
	for time.Since(begun) < patience {
		if u.image.command(mounts+readOnly, u.env, u.image.Health[1:]).Run() == nil {
			return time.Since(begun), nil
		}
		select {
		case err := <-u.ended:
			u.ended <- err
			return 0, u.told(fmt.Errorf("ended before it was healthy: %w", err))
		case <-time.After(time.Second):
		}
	}
	return 0, u.told(fmt.Errorf("not healthy in %s", patience))
}

func (u *unit) stop() error {
	signal := map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM}[u.image.StopSignal]
	if err := u.process.Process.Signal(signal); err != nil {
		return u.told(err)
	}
	select {
	case err := <-u.ended:
		u.ended <- err
		if err != nil {
			return u.told(err)
		}
		fmt.Printf("%s: drained and left at %s\n", u.name, u.image.StopSignal)
		return nil
	case <-time.After(grace):
		return u.told(fmt.Errorf("still there %s after %s", grace, u.image.StopSignal))
	}
}

func (u *unit) kill() {
	_ = u.process.Process.Kill()
	err := <-u.ended
	u.ended <- err
}

func (u *unit) told(err error) error {
	text, _ := os.ReadFile(u.log)
	return fmt.Errorf("%s: %w\n%s", u.name, err, tail(text))
}
