"""A client in the storm: submits, polls, cancels, fetches, asks again about old jobs, and writes down every answer."""

import hashlib
import random
import threading
import time
from typing import Any

import httpx

from faults.history import FINAL, History
from system.client import Client

RETRY_SECONDS = 0.5
PATIENCE_SECONDS = 180  # for one job to end: a dead host's lease, twice


class Customer:
    """One owner with a thread of its own. It retries a submit with its key until it has an answer that stands, or gives up on it."""

    def __init__(self, number: int, gateways: list[str], history: History, seed: int) -> None:
        self.number = number
        self.history = history
        self.stuck: list[str] = []
        self._client = Client(gateways)
        self._gateways = len(gateways)
        self._random = random.Random(f"{seed}-{number}")
        self._count = 0
        self._ended: dict[str, list[dict[str, Any]]] = {}

    def run(self, over: threading.Event) -> None:
        """Job after job, until `over`."""
        while not over.is_set():
            self._count += 1
            key = f"c{self.number}-{self._count}"
            job = self._submit(key, over)
            if job:
                self._follow(key, job)
            if self._ended and self._random.random() < 0.5:
                self._look_back()

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs that the owner's list shows."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            query = {"limit": "100"} | ({"cursor": cursor} if cursor else {})
            page = self._client.request("GET", "/v1/jobs", params=query).json()
            found += page["jobs"]
            cursor = page["next"]
            if not cursor:
                return found

    def audit(self, job: str) -> tuple[str, list[str]]:
        """The job's state now, as both gateways tell it, and what is wrong with its pictures."""
        seen = [self._client.job(job, gateway) for gateway in range(self._gateways)]
        wrong = [] if all(one == seen[0] for one in seen) else [f"the gateways differ over {job}"]
        for output in seen[0]["outputs"]:
            answer = self._client.request("GET", output["url"])
            if answer.status_code != 200 or hashlib.sha256(answer.content).hexdigest() != output["sha256"]:
                wrong.append(f"{output['url']}: {answer.status_code}, or other bytes than its hash")
        if seen[0]["attempt"] > seen[0]["max_attempts"]:
            wrong.append(f"{job} took {seen[0]['attempt']} attempts")
        return str(seen[0]["status"]), wrong

    def _submit(self, key: str, over: threading.Event) -> str:
        body = {
            "prompt": f"storm {key}",
            "steps": self._random.choice((4, 10, 20)),
            "n": self._random.choice((1, 1, 2)),
            "metadata": {"key": key, "step_ms": str(self._random.choice((5, 20, 100)))},
        }
        while True:
            answer = self._ask("submit", "POST", "/v1/jobs", key, "", json=body, headers={"Idempotency-Key": key})
            if answer is not None and answer.status_code in (200, 202):
                return str(answer.json()["id"])
            if over.is_set():
                return ""
            time.sleep(RETRY_SECONDS)

    def _follow(self, key: str, job: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        cancel_at = time.monotonic() + self._random.random() * 2 if self._random.random() < 0.15 else None
        while time.monotonic() < end:
            if cancel_at is not None and time.monotonic() > cancel_at:
                answer = self._ask("cancel", "POST", f"/v1/jobs/{job}/cancel", key, job)
                cancel_at = None if answer is not None and answer.status_code == 200 else cancel_at
            answer = self._ask("poll", "GET", f"/v1/jobs/{job}", key, job)
            if answer is not None and answer.status_code == 200 and answer.json()["status"] in FINAL:
                self._ended[job] = answer.json()["outputs"]
                return
            time.sleep(0.2)
        self.stuck.append(job)

    def _look_back(self) -> None:
        """Whatever was final once is final still."""
        job = self._random.choice(list(self._ended))
        self._ask("poll", "GET", f"/v1/jobs/{job}", "", job)
        for output in self._ended[job][:1]:
            self._ask("image", "GET", output["url"], "", job)

    def _ask(self, act: str, method: str, path: str, key: str, job: str, **more: Any) -> httpx.Response | None:
        gateway = self._random.randrange(self._gateways)
        try:
            answer = self._client.request(method, path, gateway, **more)
        except httpx.TransportError:
            self.history.add(self.number, act, key, job, 0)
            return None
        body = answer.json() if act != "image" and answer.status_code < 300 else {}
        self.history.add(self.number, act, key, job or str(body.get("id", "")), answer.status_code, body)
        return answer
