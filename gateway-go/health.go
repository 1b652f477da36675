package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

const healthTimeout = 5 * time.Second // /readyz waits for what is missing before it says so

// health asks the gateway beside it whether it is ready: images without a shell have nothing else that could ask.
func health() error {
	host, port, err := net.SplitHostPort(cmp.Or(os.Getenv("GATEWAY_ADMIN_ADDR"), "127.0.0.1:8081"))
	if err != nil {
		return fmt.Errorf("GATEWAY_ADMIN_ADDR: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1" // who listens everywhere is asked on loopback
	}
	client := http.Client{Timeout: healthTimeout}
	answer, err := client.Get("http://" + net.JoinHostPort(host, port) + "/readyz")
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(answer.Body, 1000)) // what there is of the reason
		return errors.New(answer.Status + ": " + string(body))
	}
	return nil
}
