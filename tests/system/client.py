"""A caller of the HTTP API, as a program would be one. Every answer is held against the contract."""

import hashlib
import time
from typing import Any

import httpx

from system import openapi

FINAL = ("succeeded", "failed", "canceled", "expired")


def lasting(seconds: float) -> dict[str, Any]:
    """What to submit for a job that draws for so long, in steps of a tenth of a second at most."""
    steps = max(10, min(100, round(seconds * 10)))
    return {"steps": steps, "metadata": {"step_ms": str(round(seconds * 1000 / steps))}}


class NotDone(AssertionError):
    """The job did not end in time."""


class Client:
    """One owner: a cookie of its own, or an API key. A dead gateway is skipped: any of them answers."""

    def __init__(self, gateways: list[str], key: str | None = None, timeout: float = 70) -> None:
        self._gateways = gateways
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.http = httpx.Client(timeout=timeout, headers=headers)

    def request(self, method: str, path: str, gateway: int = 0, **more: Any) -> httpx.Response:
        """One request to one gateway. Raises httpx.TransportError when the connection breaks."""
        response = self.http.request(method, self._gateways[gateway] + path, **more)
        openapi.check(response)
        return response

    def submit(self, *, key: str | None = None, gateway: int = 0, **body: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return self.request("POST", "/v1/jobs", gateway, json={"prompt": "a red mug"} | body, headers=headers)

    def accepted(self, **body: Any) -> str:
        """Submits, and answers the id of the accepted job."""
        response = self.submit(**body)
        assert response.status_code == 202, response.text
        return str(response.json()["id"])

    def job(self, job: str, gateway: int = 0) -> dict[str, Any]:
        response = self.request("GET", f"/v1/jobs/{job}", gateway)
        assert response.status_code == 200, response.text
        return dict(response.json())

    def poll(self, job: str) -> dict[str, Any] | None:
        """The job, from whichever gateway answers; None while none does."""
        for gateway in range(len(self._gateways)):
            try:
                response = self.request("GET", f"/v1/jobs/{job}", gateway)
            except httpx.TransportError:
                continue
            if response.status_code == 200:
                return dict(response.json())
            assert response.status_code in (429, 503), response.text
        return None

    def ended(self, job: str, limit: float = 30) -> dict[str, Any]:
        """Polls until the job has ended. Raises NotDone."""
        return self._until(job, FINAL, limit)

    def running(self, job: str, limit: float = 30) -> dict[str, Any]:
        """Polls until the job has made its first step."""
        end = time.monotonic() + limit
        while True:
            seen = self._until(job, ("running", *FINAL), max(0, end - time.monotonic()))
            assert seen["status"] == "running", f"it ended before it was seen running: {seen['status']} {seen['error']}"
            if seen["progress"]["step"] or time.monotonic() > end:
                return seen
            time.sleep(0.05)

    def succeeded(self, job: str, limit: float = 30) -> dict[str, Any]:
        """Waits for the pictures and holds their bytes against their hashes."""
        seen = self.ended(job, limit)
        assert seen["status"] == "succeeded", seen["error"]
        for output in seen["outputs"]:
            assert self.picture(output) is not None
        return seen

    def picture(self, output: dict[str, Any], gateway: int = 0) -> bytes:
        response = self.request("GET", output["url"], gateway)
        assert response.status_code == 200, response.text
        assert hashlib.sha256(response.content).hexdigest() == output["sha256"]
        assert len(response.content) == output["size_bytes"]
        return response.content

    def cancel(self, job: str, gateway: int = 0) -> httpx.Response:
        return self.request("POST", f"/v1/jobs/{job}/cancel", gateway)

    def delete(self, job: str, gateway: int = 0) -> httpx.Response:
        return self.request("DELETE", f"/v1/jobs/{job}", gateway)

    def _until(self, job: str, states: tuple[str, ...], limit: float) -> dict[str, Any]:
        end = time.monotonic() + limit
        seen: dict[str, Any] | None = None
        while True:
            seen = self.poll(job) or seen
            if seen and seen["status"] in states:
                return seen
            if time.monotonic() > end:
                last = seen and {key: seen[key] for key in ("status", "stage", "attempt", "worker", "waiting_for")}
                raise NotDone(f"{job} is not {' or '.join(states)} within {limit:g} s: {last}")
            time.sleep(0.05)
