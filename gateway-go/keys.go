package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"darkroom/gateway/internal/auth"
	"darkroom/gateway/internal/failpoint"
)

const usage = `usage: darkroom-gateway                  serve; every setting is in .env.example
       darkroom-gateway health           whether the gateway of this environment is ready; the exit status says it
       darkroom-gateway keys add NAME    make an API key; it is shown once
       darkroom-gateway keys list
       darkroom-gateway keys revoke ID   a running gateway refuses it within a second`

// command runs one of the operator's commands; in a build for tests it also lists the failpoints.
func command(args []string) int {
	file := os.Getenv("GATEWAY_API_KEYS_FILE")
	if file == "" && args[0] == "keys" {
		fmt.Fprintln(os.Stderr, "darkroom-gateway: GATEWAY_API_KEYS_FILE is not set: allowed: the path of a file")
		return 1
	}
	var err error
	switch line := strings.Join(args[:min(2, len(args))], " "); {
	case line == "health":
		err = health()
	case line == "keys add" && len(args) > 2:
		err = addKey(file, strings.Join(args[2:], " "))
	case line == "keys list" && len(args) == 2:
		err = listKeys(file)
	case line == "keys revoke" && len(args) == 3:
		err = auth.RevokeKey(file, args[2])
	case line == "failpoints" && len(failpoint.Names()) > 0:
		fmt.Println(strings.Join(failpoint.Names(), "\n"))
	default:
		fmt.Fprintln(os.Stderr, usage)
		return 2
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "darkroom-gateway:", err)
		return 1
	}
	return 0
}

func addKey(file, name string) error {
	key, entry, err := auth.AddKey(file, name)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "Key %s for %s. It is shown this once; only its hash is kept.\n", entry.ID, entry.Name)
	fmt.Println(key)
	return nil
}

func listKeys(file string) error {
	entries, err := auth.ReadEntries(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		fmt.Printf("%s  %s  %s\n", entry.ID, entry.Created.Format(time.DateTime), entry.Name)
	}
	return nil
}
