// Package tracing sends spans to an OpenTelemetry collector. It is off, and costs nothing, unless an endpoint is set.
package tracing

import (
	"context"
	"log/slog"
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Tracing makes the spans of this gateway; nil makes none.
type Tracing struct{ provider *sdk.TracerProvider }

// Start reads the standard variables (OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER, OTEL_RESOURCE_ATTRIBUTES …) and sends to the endpoint among them;
// without an endpoint it answers nil. A collector that is away loses spans, and nothing else.
func Start(ctx context.Context, endpoint, version string, log *slog.Logger) (*Tracing, error) {
	if endpoint == "" {
		return nil, nil //nolint:nilnil // off
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, err
	}
	own := resource.WithAttributes(attribute.String("service.name", "darkroom-gateway"), attribute.String("service.version", version))
	about, err := resource.New(ctx, own, resource.WithHost(), resource.WithFromEnv())
	if err != nil {
		return nil, err
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("spans are not sent", "error", err) }))
	return &Tracing{sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))}, nil
}

// Stop sends what is left, until ctx ends.
func (t *Tracing) Stop(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Requests begins a span for every request that changes something. Reads have none: ten thousand people poll. A stranger's trace is linked and not
// continued, unless believed says that the request comes through one's own proxy.
func (t *Tracing) Requests(believed func(*http.Request) bool, next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return otelhttp.NewHandler(next, "", otelhttp.WithTracerProvider(t.provider), otelhttp.WithPropagators(propagation.TraceContext{}),
		otelhttp.WithFilter(func(r *http.Request) bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }),
		otelhttp.WithPublicEndpointFn(func(r *http.Request) bool { return !believed(r) }))
}

// Begin opens a span inside the one of ctx; where ctx has none, nothing is opened.
func Begin(ctx context.Context, name string, kind trace.SpanKind, jobID string) (context.Context, trace.Span) {
	tracer := trace.SpanFromContext(ctx).TracerProvider().Tracer("darkroom/gateway")
	return tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attribute.String("job_id", jobID)))
}

// Header carries the span that a message or record comes from: https://www.w3.org/TR/trace-context/#traceparent-header
const Header = "traceparent"

// ParentOf is the traceparent of the span of ctx, "" where there is none.
func ParentOf(ctx context.Context) string {
	carried := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carried)
	return carried[Header]
}

// Continue goes on with the span that a traceparent names, unless ctx has one already. What is no traceparent changes nothing.
func Continue(ctx context.Context, parent string) context.Context {
	if trace.SpanContextFromContext(ctx).IsValid() {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{Header: parent})
}

// IDOf is the trace of ctx if it is sampled, "" otherwise.
func IDOf(ctx context.Context) string {
	if span := trace.SpanContextFromContext(ctx); span.IsSampled() {
		return span.TraceID().String()
	}
	return ""
}
