"""A steady load: callers with one job each at a time, who write down how every one ended."""

import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from system.client import FINAL, Client

PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Ended:
    """When it was taken and when it ended are moments of time.monotonic()."""

    taken: float
    at: float
    job: str
    status: str
    attempt: int


@dataclass
class Load:
    """`callers` threads while it is entered; each submits `body` with a key until it is taken, and polls until it has ended."""

    gateways: list[str]
    callers: int
    body: dict[str, Any]
    ended: list[Ended] = field(default_factory=list)
    broken: list[Exception] = field(default_factory=list)  # what ended a caller

    def __enter__(self) -> "Load":
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._caller, args=(number,)) for number in range(self.callers)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Every job that was taken has ended."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def rate(self, since: float, until: float, taken: float = 0) -> float:
        """Jobs that ended between two moments of time.monotonic(), a second; only those that were taken after a third."""
        return sum(since <= one.at < until and one.taken >= taken for one in list(self.ended)) / (until - since)

    def _caller(self, number: int) -> None:
        first = number % len(self.gateways)  # it asks this one as long as it answers
        client = Client(self.gateways[first:] + self.gateways[:first], timeout=30)
        try:
            for count in itertools.count():
                job = self._taken(client, f"load-{number}-{count}")
                if not job:
                    return
                self.ended.append(self._end(client, job))
        except Exception as error:
            self.broken.append(error)

    def _taken(self, client: Client, key: str) -> str:
        """The id of a job that was accepted; "" when it is over before."""
        for gateway in itertools.cycle(range(len(self.gateways))):
            if self._over.is_set():
                return ""
            try:
                answer = client.submit(key=key, gateway=gateway, **self.body)
            except httpx.TransportError:
                continue
            if answer.status_code in (200, 202):
                return str(answer.json()["id"])
            assert answer.status_code in (429, 503), answer.text
            time.sleep(PAUSE_SECONDS)
        return ""

    @staticmethod
    def _end(client: Client, job: str) -> Ended:
        taken = time.monotonic()
        while True:
            seen = client.poll(job)
            if seen and seen["status"] in FINAL:
                return Ended(taken, time.monotonic(), job, seen["status"], seen["attempt"])
            time.sleep(PAUSE_SECONDS)
