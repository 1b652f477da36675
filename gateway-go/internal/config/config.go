// Package config turns the environment into settings, once, and says in one line each what is wrong with them.
package config

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"time"

	"darkroom/gateway/internal/job"

	"github.com/caarlos0/env/v11"
)

// Config is every setting of the gateway. .env.example is their manual.
type Config struct {
	Addr      string `env:"GATEWAY_ADDR" envDefault:"127.0.0.1:8080" allowed:"host:port"`
	AdminAddr string `env:"GATEWAY_ADMIN_ADDR" envDefault:"127.0.0.1:8081" allowed:"host:port"`
	// PublishAddr is where people reach the service; GATEWAY_ADDR when empty. Default credentials are refused unless it is loopback.
	PublishAddr string `env:"PUBLISH_ADDR" allowed:"host, host:port or a URL"`

	RabbitMQURL string `env:"RABBITMQ_URL" envDefault:"amqp://guest:guest@127.0.0.1:5682/" secret:"true" allowed:"amqp:// or amqps:// URL"`
	RedisURL    string `env:"REDIS_URL" envDefault:"redis://127.0.0.1:6389/0" secret:"true" allowed:"redis:// or rediss:// URL"`
	S3Endpoint  string `env:"S3_ENDPOINT" envDefault:"127.0.0.1:9010" allowed:"host:port"`
	S3Secure    bool   `env:"S3_SECURE" envDefault:"false" allowed:"true or false"`
	S3AccessKey string `env:"S3_ACCESS_KEY" envDefault:"minioadmin" secret:"true" allowed:"some text"`
	S3SecretKey string `env:"S3_SECRET_KEY" envDefault:"minioadmin" secret:"true" allowed:"some text"`
	S3Bucket    string `env:"S3_BUCKET" envDefault:"darkroom" allowed:"a bucket name: 3 to 63 lower case letters, digits, '.' and '-'"`

	// TLSCAPath names authorities that are trusted beside the system's own, for all three services.
	TLSCAPath string `env:"TLS_CA_FILE" allowed:"the path of a file with PEM certificates"`

	ModelsFile       string `env:"MODELS_FILE" envDefault:"deploy/models.yaml" allowed:"the path of a file"`
	RetentionSeconds int64  `env:"RETENTION" envDefault:"604800" allowed:"seconds, 60 to 315360000"`
	LogLevelName     string `env:"LOG_LEVEL" envDefault:"info" allowed:"debug, info, warn (or warning), error"`
	TestMode         bool   `env:"TEST_MODE" envDefault:"false" allowed:"true or false"`

	IDKeysText      string        `env:"GATEWAY_ID_KEYS" secret:"true" allowed:"one or more keys of 64 hex characters; make one with: openssl rand -hex 32"`
	QueueLimit      int           `env:"GATEWAY_QUEUE_LIMIT" envDefault:"200" allowed:"1 to 10000"`
	OwnerLimit      int           `env:"GATEWAY_OWNER_LIMIT" envDefault:"100" allowed:"0 (none) to 10000"`
	Janitor         bool          `env:"GATEWAY_JANITOR" envDefault:"true" allowed:"true or false"`
	JanitorInterval time.Duration `env:"GATEWAY_JANITOR_INTERVAL" envDefault:"5s" allowed:"a duration such as 5s, 100ms to 1m"`
	APIKeysPath     string        `env:"GATEWAY_API_KEYS_FILE" allowed:"the path of a file"`
	Anonymous       bool          `env:"GATEWAY_ANONYMOUS" envDefault:"true" allowed:"true or false"`
	SecureCookie    bool          `env:"GATEWAY_SECURE_COOKIE" envDefault:"false" allowed:"true or false"`
	OwnerRate       int           `env:"GATEWAY_OWNER_RATE" envDefault:"200" allowed:"requests a second, 0 (no limit) to 100000"`
	AddressRate     int           `env:"GATEWAY_ADDRESS_RATE" envDefault:"1000" allowed:"requests a second, 0 (no limit) to 100000"`
	TrustedProxies  []string      `env:"GATEWAY_TRUSTED_PROXIES" allowed:"addresses or networks, separated by commas"`
	Grace           time.Duration `env:"GATEWAY_GRACE" envDefault:"20s" allowed:"a duration such as 20s, 0s to 10m"`

	// OTLPEndpoint is where traces go; the exporter reads it and its further variables itself.
	OTLPEndpoint string `env:"OTEL_EXPORTER_OTLP_ENDPOINT" allowed:"http:// or https:// URL"`

	// Made from the above.
	IDKeys    job.Keys       `env:"-"`
	Retention time.Duration  `env:"-"`
	LogLevel  slog.Level     `env:"-"`
	Roots     *x509.CertPool `env:"-"` // nil: the system's
}

// Read reads and checks the environment. The error has one line for each bad key: key, value, what is allowed.
func Read(environment map[string]string) (Config, error) {
	environment, problems := withFiles(environment)
	var c Config
	err := env.ParseWithOptions(&c, env.Options{Environment: environment})
	var several env.AggregateError
	if errors.As(err, &several) {
		for _, one := range several.Errors {
			var parse env.ParseError
			if !errors.As(one, &parse) {
				problems = append(problems, one)
				continue
			}
			problems = append(problems, bad(parse.Name, environment))
		}
	} else if err != nil {
		problems = append(problems, err)
	}
	if len(problems) == 0 {
		problems = c.check(environment)
	}
	return c, errors.Join(problems...)
}

// withFiles puts the content of every KEY_FILE in the place of a secret KEY.
func withFiles(environment map[string]string) (complete map[string]string, problems []error) {
	complete = map[string]string{}
	for key, value := range environment {
		if value != "" { // an empty value is no value: compose files pass them on
			complete[key] = value
		}
	}
	for field := range reflect.TypeFor[Config]().Fields() {
		key := field.Tag.Get("env")
		path, given := complete[key+"_FILE"]
		if field.Tag.Get("secret") != "true" || !given {
			continue
		}
		text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
		if err != nil {
			problems = append(problems, fmt.Errorf("%s_FILE=%s: cannot be read: %w", key, path, errors.Unwrap(err)))
			continue
		}
		complete[key] = strings.TrimSpace(string(text))
	}
	return complete, problems
}

// bad is the one line about a field.
func bad(name string, environment map[string]string) error {
	field, _ := reflect.TypeFor[Config]().FieldByName(name)
	key := field.Tag.Get("env")
	value := environment[key]
	switch {
	case value == "":
		value = " (not set)"
	case field.Tag.Get("secret") == "true":
		value = "… (a secret)"
	}
	return fmt.Errorf("%s=%s: allowed: %s", key, value, field.Tag.Get("allowed"))
}

// Keys are the names of all settings, and whether each may also come from KEY_FILE.
func Keys() map[string]bool {
	keys := map[string]bool{}
	for field := range reflect.TypeFor[Config]().Fields() {
		if key := field.Tag.Get("env"); key != "-" {
			keys[key] = field.Tag.Get("secret") == "true"
		}
	}
	return keys
}
