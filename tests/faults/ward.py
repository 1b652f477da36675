"""A stack whose parts are hurt one after the other, and how long each takes to be well again."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from faults.load import Load
from system.books import Books
from system.broker import Broker
from system.client import Client, lasting
from system.stack import ROOT, Stack
from system.wait import until

LIMIT = 150  # s, for anything to be well again
AWAY_SECONDS = 15
STEP_PATIENCE = 15  # s, of Pocket Studio's catalogue; the tests' own is 2
NORMAL_SECONDS, WINDOW_SECONDS, NORMAL_SHARE = 10, 5, 0.9


def patient_catalogue(folder: Path) -> Path:
    """The catalogue of the tests, with as much patience for a step as a shipped model has."""
    text = (ROOT / "tests" / "system" / "models.yaml").read_text()
    assert "step: 2," in text
    made = folder / "models.yaml"
    made.write_text(text.replace("step: 2,", f"step: {STEP_PATIENCE},"))
    return made


class Ward:
    """A stack of two gateways and two workers, and one caller."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.client = Client(stack.gateways)
        self.books, self.broker = Books(stack), Broker(stack.amqp_url)

    def running(self, seconds: float = 60) -> tuple[str, str]:
        """A job that draws for so long, and the part that has it."""
        job = self.client.accepted(**lasting(seconds))
        return job, self.stack.part_of(self.client.running(job)["worker"])

    def occupied(self, seconds: float) -> list[str]:
        """One running job on every worker."""
        jobs = [self.client.accepted(**lasting(seconds)) for _ in self.stack.workers]
        for job in jobs:
            self.client.running(job)
        return jobs

    def until_attempt(self, job: str, attempt: int) -> float:
        """Waits until that attempt makes steps; answers s."""
        began = time.monotonic()

        def goes_on() -> bool:
            seen = self.client.poll(job)
            return bool(
                seen and seen["attempt"] == attempt and seen["status"] == "running" and seen["progress"]["step"]
            )

        until(goes_on, LIMIT, f"attempt {attempt} of {job} makes steps")
        return time.monotonic() - began

    def over(self, *jobs: str) -> None:
        for job in jobs:
            self.client.cancel(job)
        self.stack.until_ready()


def dead_engine(ward: Ward) -> float:
    job, worker = ward.running()
    os.kill(ward.stack.engine(worker).pid, signal.SIGKILL)
    took = ward.until_attempt(job, 2)
    ward.over(job)
    return took


def dead_host(ward: Ward) -> float:
    """All its processes die at once and their connections close; a supervisor starts it anew, beside the others."""
    job, worker = ward.running(90)
    ward.stack.kill(worker)
    took = ward.until_attempt(job, 2)
    ward.over(job)
    return took


def silent_host(ward: Ward) -> float:
    """It answers nobody, as if its cable were pulled: no connection closes."""
    job, worker = ward.running(90)
    asleep = ward.stack.freeze(worker)
    try:
        took = ward.until_attempt(job, 2)
        assert ward.stack.part_of(ward.client.job(job)["worker"]) != worker
    finally:
        ward.stack.thaw(asleep)
    ward.over(job)
    return took


def hung_step(ward: Ward) -> float:
    """The engine stands still in its second step and holds the GIL."""
    job = ward.client.accepted(steps=20, metadata={"fault": "hang@2", "fault_times": "1", "step_ms": "300"})
    ward.client.running(job)
    took = ward.until_attempt(job, 2)
    ward.client.succeeded(job, 60)
    return took


def deleted_queue(ward: Ward) -> float:
    """Until all that waited in it have ended, and those that the workers had in hand; nothing else is going on."""
    busy = ward.occupied(100)
    jobs = [ward.client.accepted(model="spare") for _ in range(4 * len(ward.stack.workers))]  # two in each hand
    ward.broker.delete("darkroom.jobs.spare")
    for other in busy:
        ward.client.cancel(other)
    began = time.monotonic()
    for job in jobs:
        ward.client.succeeded(job, LIMIT)
    return time.monotonic() - began


def emptied_redis(ward: Ward) -> float:
    """50 jobs are done, 5 canceled, 2 draw for 10 s, 50 wait: until these 52 have ended. What was shown stays."""
    client = ward.client
    done = {job: client.succeeded(job)["outputs"] for job in [client.accepted() for _ in range(50)]}
    running = ward.occupied(10)
    canceled = [client.accepted() for _ in range(5)]
    for job in canceled:
        assert client.cancel(job).json()["status"] == "canceled"
    waiting = [client.accepted() for _ in range(50)]
    assert {client.job(job)["status"] for job in running} == {"running"}
    ward.books.redis.flushall()
    began = time.monotonic()
    for job in (*running, *waiting):
        client.succeeded(job, LIMIT)
    took = time.monotonic() - began
    assert {job: client.succeeded(job)["outputs"] for job in done} == done
    assert {client.ended(job)["status"] for job in canceled} == {"canceled"}
    return took


def back(name: str) -> Callable[[Ward], float]:
    """A dependency that was away."""

    def dependency(ward: Ward) -> float:
        """From its return until jobs that were taken since then end at nine tenths of the pace before, for 5 s."""
        with Load(ward.stack.gateways, 8, lasting(0.5)) as load:
            until(lambda: len(load.ended) > 2 * load.callers, LIMIT, "the load is under way")
            began = time.monotonic()
            until(lambda: time.monotonic() > began + NORMAL_SECONDS, LIMIT, "its pace was seen")
            normal = load.rate(began, began + NORMAL_SECONDS)
            with ward.stack.proxy.away(name):
                time.sleep(AWAY_SECONDS)
            returned = time.monotonic()

            def kept_up() -> float:
                now = time.monotonic()
                window = now - returned > WINDOW_SECONDS and load.rate(now - WINDOW_SECONDS, now, returned)
                return now - WINDOW_SECONDS - returned if window >= NORMAL_SHARE * normal else 0

            took = until(kept_up, LIMIT, f"{normal} jobs a second end again")
        assert not load.broken, load.broken
        assert {one.status for one in load.ended} == {"succeeded"}
        return took

    return dependency


def without_janitors(ward: Ward) -> float:
    """Jobs that draw, wait, have no message or no record: how many s past its deadline the last is shown as ended."""
    client = ward.client
    until(lambda: not ward.books.held_by_all(), LIMIT, "no worker has a message")
    busy = ward.running(90)[0]
    due: dict[str, float] = {}

    def submitted(seconds: int, **body: object) -> str:
        deadline = time.monotonic() + seconds
        job = client.accepted(**body, deadline_seconds=seconds)
        due[job] = deadline
        return job

    drawing = submitted(10, **lasting(60))  # outlives the others: none of them may get its worker
    client.running(drawing)
    for _ in range(2 * len(ward.stack.workers)):  # each worker holds one in advance, the others lose their message
        submitted(3)
    ward.broker.purge("darkroom.jobs.simulated")
    unknown = ward.books.message(ward.books.owner(drawing), ward.books.now(), 3)
    due[str(unknown["id"])] = time.monotonic() + 3
    assert {client.job(job)["status"] for job in due} == {"queued", "running"}
    late = []
    for job, deadline in sorted(due.items(), key=lambda item: item[1]):
        assert client.ended(job, LIMIT)["error"]["code"] in ("deadline", "state_lost")
        late.append(time.monotonic() - deadline)
    ward.over(busy)
    return max(late)
