"""Spans for an OpenTelemetry collector: one an attempt, with its stages inside. Off, and not even imported, unless an endpoint is set."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import structlog

from darkroom_worker import __version__
from darkroom_worker.messages import Job

STOP_MS = 3000  # how long the last spans may take to be sent


class Trace:
    """An attempt of which nothing is told."""

    id = ""  # 32 hex digits where it is told

    def stage(self, name: str, took_ms: int, until: float) -> None:
        """A stage that took so long and ended then (s, time.time())."""

    def note(self, **attributes: str | int) -> None:
        """What else is to be known of the attempt."""


class _Told(Trace):
    def __init__(self, tracer: Any, span: Any, context: Any) -> None:
        self._tracer = tracer
        self._span = span
        self._context = context
        self.id = f"{span.get_span_context().trace_id:032x}"

    def stage(self, name: str, took_ms: int, until: float) -> None:
        end = round(until * 1e9)
        span = self._tracer.start_span(name, self._context, start_time=end - took_ms * 1_000_000)
        span.end(end)

    def note(self, **attributes: str | int) -> None:
        self._span.set_attributes(attributes)


class Tracer:
    """Sends to `endpoint`, and reads the further standard variables (OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER …) as the SDK does."""

    def __init__(self, endpoint: str, worker: str) -> None:
        self._worker = worker
        self._provider: Any = _provider(worker) if endpoint else None

    @contextlib.contextmanager
    def attempt(self, job: Job, traceparent: str) -> Iterator[Trace]:
        """The time of one attempt, as part of the trace that its message came with. Its log lines carry trace_id."""
        if self._provider is None:
            yield Trace()
            return
        from opentelemetry import trace  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        tracer = self._provider.get_tracer("darkroom_worker")
        before = TraceContextTextMapPropagator().extract({"traceparent": traceparent})
        about = {"job_id": job.id, "model": job.model, "worker": self._worker}
        with tracer.start_as_current_span("attempt", before, trace.SpanKind.CONSUMER, about) as span:
            told = _Told(tracer, span, trace.set_span_in_context(span))
            with structlog.contextvars.bound_contextvars(trace_id=told.id):
                yield told

    def stop(self) -> None:
        """Sends what is left, if it can soon be sent."""
        if self._provider is not None:
            self._provider.force_flush(STOP_MS)


def _provider(worker: str) -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    about = {"service.name": "darkroom-worker", "service.version": __version__, "service.instance.id": worker}
    provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
