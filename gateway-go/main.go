// The gateway of Darkroom: page, API and janitor in one binary. This file is the map: it builds everything and hands it down.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"darkroom/gateway/internal/api"
	"darkroom/gateway/internal/auth"
	"darkroom/gateway/internal/broker"
	"darkroom/gateway/internal/catalog"
	"darkroom/gateway/internal/config"
	"darkroom/gateway/internal/janitor"
	"darkroom/gateway/internal/job"
	"darkroom/gateway/internal/ledger"
	"darkroom/gateway/internal/orders"
	"darkroom/gateway/internal/pages"
	"darkroom/gateway/internal/server"
	"darkroom/gateway/internal/store"
	"darkroom/gateway/internal/tracing"
	"darkroom/gateway/internal/treaty"
)

// version of the release, the same in both halves.
const version = "0.1.0"

// lastSpans is how long the spans of the last requests may take to be sent.
const lastSpans = 5 * time.Second

func main() {
	stopping, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	os.Exit(run(stopping, os.Args[1:]))
}

// run answers the exit status: 0, 1 for trouble, 2 for a command that does not exist.
func run(stopping context.Context, args []string) int {
	if len(args) > 0 {
		return command(args)
	}
	if err := serve(stopping); err != nil {
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintln(os.Stderr, "darkroom-gateway:", strings.TrimSpace(line))
		}
		return 1
	}
	return 0
}

func serve(stopping context.Context) error {
	settings, err := config.Read(environment())
	if err != nil {
		return err
	}
	log := slog.New(tracing.LogHandler{Handler: slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: settings.LogLevel})})
	slog.SetDefault(log)
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), server.BuildInfo(version))
	traces, err := tracing.Start(stopping, settings.OTLPEndpoint, version, log)
	if err != nil {
		return fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT: %w", err)
	}
	defer func() { sendSpans(traces, log) }()
	stopping, stop := context.WithCancel(stopping)
	defer stop()

	models, err := catalog.Load(settings.ModelsFile, settings.TestMode)
	if err != nil {
		return err
	}
	names := namesOf(models.Models())
	topology, err := broker.ReadTopology(names)
	if err != nil {
		return err
	}
	decoder, err := treaty.NewDecoder()
	if err != nil {
		return err
	}
	redis, err := ledger.Open(settings.RedisURL, settings.Roots, settings.Retention)
	if err != nil {
		return err
	}
	defer func() { _ = redis.Close() }() // nothing is left to be sent
	s3, err := store.Open(store.Settings{
		Endpoint: settings.S3Endpoint, Secure: settings.S3Secure, Roots: settings.Roots, AccessKey: settings.S3AccessKey, SecretKey: settings.S3SecretKey, Bucket: settings.S3Bucket,
	}, decoder)
	if err != nil {
		return err
	}
	rabbitmq := broker.New(settings.RabbitMQURL, settings.Roots, topology, log, metrics)
	rules := orders.Rules{QueueLimit: settings.QueueLimit, OwnerLimit: settings.OwnerLimit, Retention: settings.Retention}
	desk := orders.New(settings.IDKeys, models, redis, rabbitmq, s3, rules, log, metrics)

	health := &server.Health{Stopping: stopping, Log: log, Dependencies: []*server.Dependency{
		{Name: "redis", Prove: redis.Check, Ready: redis.Ready},
		{Name: "s3", Prove: s3.Check, Ready: s3.Ready},
		{Name: "rabbitmq", Ready: rabbitmq.Ready},
	}}
	metrics.MustRegister(health)

	keys, err := auth.OpenKeys(settings.APIKeysPath)
	if err != nil {
		return fmt.Errorf("GATEWAY_API_KEYS_FILE: %w", err)
	}
	proxies := auth.ParseProxies(settings.TrustedProxies)
	published := strings.HasPrefix(settings.PublishAddr, "https://")
	cookies := auth.NewCookies(settings.IDKeys, settings.SecureCookie || published, proxies)
	limits := server.NewLimits(settings.OwnerRate, settings.AddressRate)
	gate := health.Admit(limits.ByOwner((&auth.Gate{Keys: keys, Cookies: cookies, Anonymous: settings.Anonymous}).Owner))

	contract, err := api.ReadContract()
	if err != nil {
		return fmt.Errorf("openapi.yaml: %w", err)
	}
	mux := http.NewServeMux()
	(&api.API{Desk: desk, Owner: gate, Contract: contract, Stopping: stopping}).Register(mux)
	https := func(r *http.Request) bool { return published || proxies.HTTPS(r) }
	studio := &pages.Studio{Desk: desk, Owner: gate, StatusOf: server.StatusOf, HTTPS: https, Missing: health.Missing, Log: log}
	if err := studio.Register(mux); err != nil {
		return err
	}

	// What requests in flight need outlives the listeners; what makes new work stops with them.
	working, finish := context.WithCancel(context.WithoutCancel(stopping))
	defer finish()
	var background sync.WaitGroup
	background.Go(func() { rabbitmq.Run(working) })
	if settings.Janitor {
		keeper := janitor.New(desk, redis, rabbitmq, s3, decoder, names, settings.JanitorInterval, settings.Retention, log, metrics)
		background.Go(func() { keeper.Run(stopping) })
	}
	var misfit error
	background.Go(func() {
		misfit = health.Watch() // it ends with an error only when waiting will not mend a dependency
		stop()
	})
	err = server.Run(stopping, settings.Grace, log,
		server.Listener{Key: "GATEWAY_ADDR", Address: settings.Addr, Handler: server.Public(mux, studio.Refuse, limits, proxies, traces, metrics, log)},
		server.Listener{Key: "GATEWAY_ADMIN_ADDR", Address: settings.AdminAddr, Handler: server.Admin(health, metrics)})
	stop()
	finish()
	background.Wait()
	return errors.Join(err, misfit)
}

func sendSpans(traces *tracing.Tracing, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), lastSpans)
	defer cancel()
	if err := traces.Stop(ctx); err != nil {
		log.Warn("the last spans were not sent", "error", err)
	}
}

func namesOf(models []job.Model) []string {
	names := make([]string, len(models))
	for i, model := range models {
		names[i] = model.ID
	}
	return names
}

func environment() map[string]string {
	values := map[string]string{}
	for _, pair := range os.Environ() {
		key, value, _ := strings.Cut(pair, "=")
		values[key] = value
	}
	return values
}
