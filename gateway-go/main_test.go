package main

import (
	"bytes"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

func TestAGatewayWithoutItsServicesSaysWhichAreMissingAndTakesNothing(t *testing.T) {
	g := start(t, map[string]string{
		"RABBITMQ_URL": "amqp://a:b@" + freeAddress(t), "REDIS_URL": "redis://" + freeAddress(t), "S3_ENDPOINT": freeAddress(t), "S3_ACCESS_KEY": "a", "S3_SECRET_KEY": "b",
	})
	status, body := fetch(t, "http://"+g.admin+"/readyz")
	for _, name := range []string{"rabbitmq", "redis", "s3"} {
		if status != http.StatusServiceUnavailable || !strings.Contains(body, `"`+name+`":"`) || strings.Contains(body, `"`+name+`":"ok"`) {
			t.Errorf("/readyz: %d: %s", status, body)
		}
	}
	t.Setenv("GATEWAY_ADMIN_ADDR", g.admin)
	said := captureStderr(t, func() {
		if status := run(t.Context(), []string{"health"}); status != 1 {
			t.Errorf("health ended with %d", status)
		}
	})
	if !strings.Contains(said, "503") || !strings.Contains(said, "rabbitmq") {
		t.Errorf("health said %q", said)
	}
	if status, _ := fetch(t, "http://"+g.admin+"/healthz"); status != http.StatusOK {
		t.Errorf("/healthz: %d", status)
	}
	refused := g.person(t).send(http.MethodPost, "/v1/jobs", `{"prompt":"a mug","model":"simulated"}`)
	if refused.StatusCode != http.StatusServiceUnavailable || refused.Header.Get("Retry-After") == "" || !bytes.Contains(refused.text, []byte("redis")) {
		t.Errorf("a submit: %d: %s", refused.StatusCode, refused.text)
	}
}

func TestABadSettingIsOneLineAndEndsTheStart(t *testing.T) {
	t.Setenv("GATEWAY_ADDR", "8080")
	t.Setenv("GATEWAY_ID_KEYS", strings.Repeat("0a", 32))
	told := captureStderr(t, func() {
		if status := run(t.Context(), nil); status != 1 {
			t.Errorf("ended with %d", status)
		}
	})
	if strings.Count(told, "\n") != 1 || !strings.Contains(told, "GATEWAY_ADDR=8080: allowed: host:port") {
		t.Errorf("told %q", told)
	}
}

func TestKeysAreMadeListedAndRevokedByCommands(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	t.Setenv("GATEWAY_API_KEYS_FILE", file)
	said := captureStderr(t, func() {
		for _, line := range []string{"keys add Ada Lovelace", "keys list"} {
			if status := run(t.Context(), strings.Fields(line)); status != 0 {
				t.Errorf("%s ended with %d", line, status)
			}
		}
		for line, want := range map[string]int{"keys revoke nobody": 1, "keys add": 2, "keys": 2, "keys revoke": 2, "serve": 2, "failpoints": 2} {
			if status := run(t.Context(), strings.Fields(line)); status != want {
				t.Errorf("%s ended with %d, want %d", line, status, want)
			}
		}
	})
	if !strings.Contains(said, "for Ada Lovelace") || !strings.Contains(said, "no key with this id") {
		t.Errorf("said %s", said)
	}
}
