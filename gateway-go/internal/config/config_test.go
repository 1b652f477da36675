package config

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var key = strings.Repeat("a1", 32)

func TestDefaultsWorkOnLoopback(t *testing.T) {
	c, err := Read(map[string]string{"GATEWAY_ID_KEYS": key, "S3_BUCKET": ""})
	if err != nil {
		t.Fatal(err)
	}
	if c.Addr != "127.0.0.1:8080" || c.Retention != 7*24*time.Hour || c.LogLevel != slog.LevelInfo || c.JanitorInterval != 5*time.Second || c.S3Bucket != "darkroom" {
		t.Fatalf("%+v", c)
	}
}

func TestASecretMayComeFromAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte(key+"\n"+key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Read(map[string]string{"GATEWAY_ID_KEYS_FILE": file})
	if err != nil {
		t.Fatal(err)
	}
	if c.IDKeys.Mint(time.Now(), 1, "owner") == "" {
		t.Fatal("the keys do not sign")
	}
	if _, err := Read(map[string]string{"GATEWAY_ID_KEYS_FILE": file + "x"}); err == nil || !strings.Contains(err.Error(), "GATEWAY_ID_KEYS_FILE="+file+"x: cannot be read") {
		t.Fatal(err)
	}
}

func TestABadValueIsOneLineWithKeyValueAndWhatIsAllowed(t *testing.T) {
	for name, value := range map[string]string{
		"GATEWAY_ADDR": "8080", "RABBITMQ_URL": "http://x", "REDIS_URL": "unix://nope", "S3_ENDPOINT": "http://s3:9000", "S3_SECURE": "maybe", "S3_BUCKET": "A",
		"RETENTION": "7d", "LOG_LEVEL": "loud", "TEST_MODE": "2", "GATEWAY_ID_KEYS": "abc", "GATEWAY_QUEUE_LIMIT": "10001", "GATEWAY_OWNER_LIMIT": "-1",
		"GATEWAY_JANITOR": "on?", "GATEWAY_JANITOR_INTERVAL": "1h", "GATEWAY_TRUSTED_PROXIES": "10.0.0.0/8,here", "GATEWAY_OWNER_RATE": "many", "GATEWAY_GRACE": "-1s",
		"TLS_CA_FILE": "config_test.go", "OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318",
	} {
		t.Run(name, func(t *testing.T) {
			environment := map[string]string{"GATEWAY_ID_KEYS": key}
			environment[name] = value
			_, err := Read(environment)
			if err == nil || !strings.HasPrefix(err.Error(), name+"=") || !strings.Contains(err.Error(), "allowed: ") || strings.Contains(err.Error(), "\n") {
				t.Fatalf("got %v", err)
			}
			if secret := Keys()[name]; secret == strings.Contains(err.Error(), value) {
				t.Fatalf("secret %v, but told %v", secret, err)
			}
		})
	}
}

func TestWithoutIDKeysTheStartSaysHowToMakeOne(t *testing.T) {
	if _, err := Read(nil); err == nil || !strings.Contains(err.Error(), "GATEWAY_ID_KEYS= (not set)") || !strings.Contains(err.Error(), "openssl") {
		t.Fatal(err)
	}
}

func TestDefaultCredentialsAreRefusedWherePeopleCanReachThem(t *testing.T) {
	for address, refused := range map[string]bool{
		"": false, "localhost:8080": false, "127.0.0.1": false, "[::1]:80": false, "http://localhost": false,
		"0.0.0.0:8080": true, ":8080": true, "https://pictures.example.org": true, "10.1.2.3": true, "[::]:80": true,
	} {
		_, err := Read(map[string]string{"GATEWAY_ID_KEYS": key, "PUBLISH_ADDR": address})
		if (err != nil) != refused {
			t.Errorf("%q: %v", address, err)
		}
	}
	_, err := Read(map[string]string{
		"GATEWAY_ID_KEYS": key, "PUBLISH_ADDR": "0.0.0.0", "RABBITMQ_URL": "amqp://me:mine@mq/", "S3_ACCESS_KEY": "me", "S3_SECRET_KEY": "mine",
	})
	if err != nil {
		t.Error(err)
	}
}
