"""The HTTP API as a polite client uses it: it waits as long as the server says, and repeats what got no answer."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx

from darkroom_cli.settings import Settings
from darkroom_cli.trouble import Away, NotFound, Refused, Trouble

FINAL = ("succeeded", "failed", "canceled", "expired")

# Seconds without any answer after which a wait is given up.
PATIENCE = 60.0
TRIES = 3

Job = dict[str, Any]


class Gateway:
    """One caller: an API key, or a cookie that lives as long as this object."""

    def __init__(self, settings: Settings) -> None:
        self.url = settings["DARKROOM_URL"].rstrip("/")
        key = settings["DARKROOM_API_KEY"]
        # A proxy of the machine knows no loopback.
        near = urlsplit(self.url).hostname in ("127.0.0.1", "localhost", "::1")
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=30,
            trust_env=not near,
        )

    def submit(self, request: dict[str, Any]) -> Job:
        """Repeats a submit that got no answer, with the same Idempotency-Key: it runs once at most."""
        self._ask("GET", "/v1/limits")  # without a key, the cookie that this gives makes the repetition safe
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return dict(self._ask("POST", "/v1/jobs", json=request, headers=headers).json())

    def watch(self, job: Job) -> Iterator[Job]:
        """The job, again whenever it has changed, until it has ended."""
        etag, answered = "", time.monotonic()
        while True:
            try:
                answer = self._http.get(job["urls"]["self"], headers={"If-None-Match": etag} if etag else {})
                _complain(answer)
            except (httpx.TransportError, Away) as error:
                if time.monotonic() - answered > PATIENCE:
                    raise Away(
                        f"{self.url} gives no answer any more ({error}); job {job['id']} goes on there"
                    ) from error
                time.sleep(1)
                continue
            answered = time.monotonic()
            if answer.status_code != httpx.codes.NOT_MODIFIED:
                etag = answer.headers.get("ETag", "")
                yield answer.json()
            if "Retry-After" not in answer.headers:
                return
            time.sleep(float(answer.headers["Retry-After"]))

    def picture(self, output: dict[str, Any]) -> bytes:
        """A picture's bytes, held against their hash."""
        body = self._ask("GET", output["url"]).content
        if hashlib.sha256(body).hexdigest() != output["sha256"]:
            raise Trouble(f"the bytes of {output['url']} do not match their SHA-256: nothing was written")
        return body

    def cancel(self, job: Job) -> Job:
        return dict(self._ask("POST", job["urls"]["cancel"]).json())

    def models(self) -> list[dict[str, Any]]:
        return list(self._ask("GET", "/v1/models").json()["models"])

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        answer = _repeat(lambda: self._http.request(method, path, **more), self.url)
        _complain(answer)
        return answer


def _repeat(ask: Callable[[], httpx.Response], url: str) -> httpx.Response:
    for attempt in range(1, TRIES + 1):
        try:
            return ask()
        except httpx.TransportError as error:
            if attempt == TRIES:
                raise Away(f"{url} gives no answer ({error}): is Darkroom up, and DARKROOM_URL right?") from error
            time.sleep(0.5 * attempt)
    raise AssertionError("not reached")


def _complain(answer: httpx.Response) -> None:
    """Raises what a refusal means: its own sentence, the bad fields, when to come again."""
    if answer.status_code < httpx.codes.BAD_REQUEST:
        return
    try:
        problem = answer.json()
        text = "\n".join([problem["detail"], *(f"  {bad['path']}: {bad['message']}" for bad in problem["errors"])])
    except (ValueError, KeyError, TypeError):
        raise Away(f"{answer.request.url} answered {answer.status_code}: is that Darkroom?") from None
    if "Retry-After" in answer.headers:
        text += f" Try again in {answer.headers['Retry-After']} s."
    kinds = {404: NotFound, 410: NotFound, 500: Away, 503: Away}
    raise kinds.get(answer.status_code, Refused)(text)
