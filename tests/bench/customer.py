"""Who submits the jobs of a benchmark and waits for their ends."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

FINAL = ("succeeded", "failed", "canceled", "expired")
PATIENCE_SECONDS = 600


@dataclass(frozen=True)
class Ended:
    """When a job was submitted, begun and complete, in s since 1970 by the service's own clock."""

    submitted: float
    started: float
    completed: float


class Customer:
    """One owner. Polls seldom: what is measured is the service, not its polling."""

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=f"http://{address}", timeout=60)

    def submit(self, **request: Any) -> str:
        """The id of an accepted job."""
        answer = self._http.post("/v1/jobs", json=request)
        if answer.status_code != 202:
            raise SystemExit(f"submit was answered {answer.status_code}: {answer.text}")
        return str(answer.json()["id"])

    def wait(self, jobs: list[str]) -> list[Ended]:
        """How each job went, in order. Every one must succeed."""
        return [self._ended(job) for job in jobs]

    def _ended(self, job: str) -> Ended:
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            seen = self._http.get(f"/v1/jobs/{job}").json()
            if seen["status"] in FINAL:
                if seen["status"] != "succeeded":
                    raise SystemExit(f"job {job} ended {seen['status']}: {seen['error']}")
                return Ended(*(_seconds(seen[key]) for key in ("created_at", "started_at", "completed_at")))
            time.sleep(0.25)
        raise SystemExit(f"job {job} did not end within {PATIENCE_SECONDS} s")


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()
