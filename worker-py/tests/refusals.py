"""An S3 that refuses pictures: an HTTP proxy in front of the real one, which answers some PUTs itself."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import urllib3

ANSWERS = {"XMinioStorageFull": 507, "AccessDenied": 403, "SlowDown": 503}
BODY = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>No.</Message></Error>"


class RefusingStore(ThreadingHTTPServer):
    """Refuses the next `times` pictures with an S3 error of that name, and passes on everything else."""

    daemon_threads = True

    def __init__(self, target: str, code: str, times: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target, self.code, self.times = target, code, times
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self.refused = 0
        self.http = urllib3.PoolManager(retries=False)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RefusingStore

    def handle_one_request(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle_one_request()

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        store = self.server
        if self.command == "PUT" and self.path.split("?")[0].endswith(".png") and store.refused < store.times:
            store.refused += 1
            self._answer(
                ANSWERS[store.code], {"Content-Type": "application/xml"}, BODY.format(code=store.code).encode()
            )
            return
        # The caller's own Host goes on: it is part of what was signed.
        url, headers = f"http://{store.target}{self.path}", dict(self.headers)
        answer = store.http.request(self.command, url, body=body, headers=headers, decode_content=False)
        self._answer(answer.status, dict(answer.headers), answer.data)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815 - the library's names

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextlib.contextmanager
def refusing(target: str, code: str, times: int) -> Iterator[RefusingStore]:
    store = RefusingStore(target, code, times)
    threading.Thread(target=store.serve_forever, daemon=True).start()
    try:
        yield store
    finally:
        store.shutdown()
        store.server_close()
