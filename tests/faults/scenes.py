"""How each step of the protocol is reached, and what must come of the job that was in it."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from system.books import Books
from system.broker import DEAD, Broker
from system.client import FINAL, Client, lasting
from system.stack import Stack
from system.wait import until

PATIENCE_SECONDS = 60


@dataclass
class House:
    """A stack, one caller, and the tests' own look behind."""

    stack: Stack
    client: Client
    books: Books
    broker: Broker

    def submit(self, **body: Any) -> str:
        """As a good client does: with one key, until there is an answer that stands."""
        key = f"key-{time.monotonic_ns()}"
        answer = self.insist(lambda: self.client.submit(key=key, seed=1, **body), 200, 202)
        return str(answer.json()["id"])

    def insist(self, ask: Callable[[], httpx.Response], *statuses: int) -> httpx.Response:
        def once() -> httpx.Response | None:
            answer = ask()
            assert answer.status_code in (*statuses, 503), f"{answer.status_code} {answer.text}"
            return answer if answer.status_code in statuses else None

        return until(once, PATIENCE_SECONDS, f"an answer {statuses}", pause=0.2)  # type: ignore[return-value]

    def end(self, job: str) -> str | None:
        """What both gateways show of an ended job, its pictures compared with their hashes; None while they do not."""
        answers = [self.client.request("GET", f"/v1/jobs/{job}", gateway) for gateway in range(2)]
        if {answer.status_code for answer in answers} == {410}:
            return "gone"
        seen = [answer.json() for answer in answers]
        if seen[0] != seen[1] or seen[0].get("status") not in FINAL:
            return None
        for output in seen[0]["outputs"]:
            self.client.picture(output)
        return str(seen[0]["status"])

    def message(self) -> dict[str, object]:
        """Of a job that no gateway ever saw."""
        if not hasattr(self, "_owner"):
            self._owner = self.books.owner(self.client.accepted())
        return self.books.message(self._owner, self.books.now())


@dataclass(frozen=True)
class Case:
    """A job that was in a step when a failpoint struck, and how it must end: a status of the API, or gone."""

    job: str
    end: str = "succeeded"


def accepted(house: House) -> Case:
    return Case(house.submit(**lasting(0.7)))


def canceled(house: House) -> Case:
    job = house.submit(**lasting(30))
    house.insist(lambda: house.client.cancel(job), 200)
    return Case(job, "canceled")


def deleted(house: House) -> Case:
    job = house.submit()
    until(lambda: house.client.job(job)["status"] == "succeeded", PATIENCE_SECONDS, "it has ended")
    house.insist(lambda: house.client.delete(job), 204, 410)
    return Case(job, "gone")


def failed_once(house: House) -> Case:
    return Case(house.submit(metadata={"fault": "error@1", "fault_times": "1"}))


def without_record(house: House) -> Case:
    """Redis has lost it, its message comes."""
    message = house.message()
    house.broker.publish_job(message)
    return Case(str(message["id"]))


def without_message(house: House) -> Case:
    """RabbitMQ has lost it."""
    message = house.message()
    house.books.restore(message)
    return Case(str(message["id"]))


def dead_letter(house: House) -> Case:
    """Redis has lost the job, and the broker delivered its message too often."""
    message = house.message()
    house.broker.publish_job(message, exchange=DEAD, headers={"x-death": [{"reason": "delivery_limit", "count": 1}]})
    return Case(str(message["id"]))


def drained(house: House) -> Case:
    """The worker that has it is told to leave."""
    job = house.submit(**lasting(15))
    worker = house.client.running(job, PATIENCE_SECONDS)["worker"]
    os.kill(house.stack.parts(house.stack.part_of(worker))[0].pid, signal.SIGTERM)
    return Case(job)


@dataclass(frozen=True)
class Scene:
    """What makes a step happen. `first`: failpoints that must strike before, to lead there."""

    play: Callable[[House], Case]
    first: tuple[str, ...] = ()


UNCONFIRMED = ("publish.before:error", "publish.before:error")
EVERY_PASS = ("epoch", "deadlines", "outbox", "lost", "sealer", "garbage", "sweep", "strays", "books")

GATEWAY = {
    **dict.fromkeys(("submit", "publish", "published", *EVERY_PASS), Scene(accepted)),
    "abandon": Scene(accepted, UNCONFIRMED),
    **dict.fromkeys(("put_verdict", "settle"), Scene(canceled)),
    "overwrite_verdict": Scene(canceled, ("put_verdict.before:error",)),
    **dict.fromkeys(("entomb", "remove_images"), Scene(deleted)),
    **dict.fromkeys(("undertaker", "look", "restore"), Scene(dead_letter)),
    "again": Scene(without_message),
}
WORKER = {
    **dict.fromkeys(("claim", "beat", "put_images", "put_verdict", "settle", "ack"), Scene(accepted)),
    **dict.fromkeys(("retry", "publish"), Scene(failed_once)),
    **dict.fromkeys(("look", "restore"), Scene(without_record)),
    **dict.fromkeys(("release", "requeue"), Scene(drained)),
}
SCENES = {"gateway": GATEWAY, "worker": WORKER}
