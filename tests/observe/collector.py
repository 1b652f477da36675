"""A small OpenTelemetry collector: takes traces by OTLP over HTTP and keeps their spans."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector:
    """Listens on a port of loopback. Each span is a dict: service, name, trace, id, parent, job_id."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        spans = self.spans

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                spans.extend(_read(body))
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def of_job(self, job: str) -> list[dict[str, Any]]:
        """Every span of the traces in which some span names the job."""
        traces = {span["trace"] for span in self.spans if span["job_id"] == job}
        return [span for span in self.spans if span["trace"] in traces]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _read(body: bytes) -> list[dict[str, Any]]:
    found = []
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        about = {one.key: one.value.string_value for one in resource.resource.attributes}
        for span in (span for scope in resource.scope_spans for span in scope.spans):
            attributes = {one.key: one.value.string_value for one in span.attributes}
            found.append(
                {
                    "service": about["service.name"],
                    "name": span.name,
                    "trace": span.trace_id.hex(),
                    "id": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "job_id": attributes.get("job_id", ""),
                }
            )
    return found
