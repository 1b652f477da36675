"""The two sides of the comparison, ready between rounds: a plain serial loop, and a Darkroom with one worker."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from bench.customer import Customer, Ended
from bench.subject import Subject

LOAD = 0.9


class Serial:
    """The serial loop, in a process of its own; `changes` are variables of its environment."""

    def __init__(self, subject: Subject, **changes: str) -> None:
        command = [sys.executable, "-m", "bench.serial", subject.name]
        environment = os.environ | {"HF_HUB_OFFLINE": "1"} | changes
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self._read()

    def rate(self, pictures: int, together: int = 1) -> float:
        """Pictures per second, drawn so many at a time."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{pictures} {together}\n")
        self._process.stdin.flush()
        return pictures / float(self._read())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the serial loop ended early")
        return line


class Service:
    """Darkroom, asked for the same pictures."""

    def __init__(self, address: str, subject: Subject) -> None:
        self._customer = Customer(address)
        self._request = subject.request

    def saturated(self, jobs: int) -> float:
        """Pictures per second between the first completion and the last, of jobs that were submitted at once and are drawn alone."""
        completed = sorted(end.completed for end in self._draw([0.0] * jobs, {"batch": 1}))
        return (jobs - 1) / (completed[-1] - completed[0])

    def batched(self, jobs: int) -> float:
        """Pictures per second from the first start to the last completion, drawn in batches as Darkroom likes."""
        ends = self._draw([0.0] * jobs, {})
        return jobs / (max(end.completed for end in ends) - min(end.started for end in ends))

    def poisson(self, jobs: int, capacity: float, seed: int) -> tuple[int, int]:
        """Jobs completed when the last one arrives, and how many an ideal server had then.

        They arrive at 90 % of `capacity`, in pictures per second; the ideal server takes 1 / capacity for each and loses no time.
        """
        chance = random.Random(seed)
        ends = self._draw([chance.expovariate(LOAD * capacity) for _ in range(jobs)], {"batch": 1})
        arrivals = sorted(end.submitted for end in ends)
        return sum(end.completed <= arrivals[-1] for end in ends), ideal(arrivals, 1 / capacity)

    def _draw(self, gaps: Sequence[float], more: dict[str, Any]) -> list[Ended]:
        jobs, due = [], time.monotonic()
        for gap in gaps:
            due += gap
            time.sleep(max(0.0, due - time.monotonic()))
            jobs.append(self._customer.submit(**self._request, **more))
        return self._customer.wait(jobs)


def ideal(arrivals: Sequence[float], service: float) -> int:
    """Jobs that one server with this time per job, in s, has completed when the last one arrives."""
    free, done = 0.0, 0
    for arrival in arrivals:
        free = max(free, arrival) + service
        done += free <= arrivals[-1]
    return done
