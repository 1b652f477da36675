"""Any part may be killed while a job is in it: the job ends once, and what was shown of it stays."""

import os
import signal
import threading
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from system.books import Books
from system.client import Client, lasting
from system.stack import Stack
from system.wait import until

# Redelivery meets the dead worker's lease (30 s), waits in a delay queue (15 s), and a worker is free.
TAKEOVER_SECONDS = 75


def assert_ended_once(client: Client, books: Books, job: str) -> None:
    """Both gateways, Redis and S3 say the same, and the pictures are those of the verdict."""
    seen = client.succeeded(job)
    assert client.job(job, gateway=1) == seen
    verdict = books.verdict(job)
    assert verdict is not None
    assert [image["sha256"] for image in verdict["images"]] == [output["sha256"] for output in seen["outputs"]]
    assert books.record(job)["state"] == "succeeded"


def test_a_killed_engine_costs_an_attempt_and_seconds(stack: Stack, client: Client, books: Books) -> None:
    job = client.accepted(**lasting(2))
    worker = client.running(job)["worker"]
    os.kill(stack.engine(stack.part_of(worker)).pid, signal.SIGKILL)
    assert client.succeeded(job, 20)["attempt"] == 2
    assert_ended_once(client, books, job)


@dataclass
class Lost:
    """Three jobs, each on a worker that was lost in its own way."""

    host: str
    supervisor: str
    frozen: str
    shown: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def lost(running_stack: Stack) -> Lost:
    """One worker is killed with all it has, one loses its supervisor, one stands still for longer than its lease."""
    stack, client = running_stack, Client(running_stack.gateways)
    stack.until_ready()
    jobs = {client.running(job)["worker"]: job for job in [client.accepted(**lasting(4)) for _ in stack.workers]}
    assert len(jobs) == len(stack.workers)
    units = dict(zip(("host", "supervisor", "frozen"), jobs, strict=True))
    stack.kill(stack.part_of(units["host"]))
    os.kill(stack.supervisor(stack.part_of(units["supervisor"])).pid, signal.SIGKILL)
    asleep = stack.freeze(stack.part_of(units["frozen"]))
    try:
        shown = {job: client.succeeded(job, TAKEOVER_SECONDS) for job in jobs.values()}
    finally:
        stack.thaw(asleep)
    return Lost(jobs[units["host"]], jobs[units["supervisor"]], jobs[units["frozen"]], shown)


@pytest.mark.timeout(200)
@pytest.mark.parametrize("way", ["host", "supervisor", "frozen"])
def test_another_worker_finishes_what_was_lost(way: str, lost: Lost, stack: Stack, books: Books) -> None:
    job = getattr(lost, way)
    assert lost.shown[job]["attempt"] == 2
    assert books.record(job)["state"] == "succeeded"


def test_a_worker_that_comes_back_changes_nothing(lost: Lost, stack: Stack, books: Books) -> None:
    before = lost.shown[lost.frozen]
    until(lambda: lost.frozen not in books.held_by_all(), 40, "the returned worker lets go of its message")
    verdict = books.verdict(lost.frozen)
    assert verdict is not None
    assert [image["sha256"] for image in verdict["images"]] == [output["sha256"] for output in before["outputs"]]
    assert verdict["worker"] == before["worker"]


def test_a_killed_gateway_takes_no_job_with_it(stack: Stack, client: Client, books: Books) -> None:
    job = client.accepted(**lasting(2))
    client.running(job)
    stack.kill("gateway-0")
    client.succeeded(job, 30)
    stack.until_ready()
    assert_ended_once(client, books, job)


def test_submits_that_a_dying_gateway_leaves_unanswered_are_safe_to_repeat(stack: Stack, client: Client) -> None:
    client.accepted()
    answers: dict[str, str | None] = {}

    def submit(number: int) -> None:
        try:
            response = client.submit(key=f"k{number}", seed=number)
            answers[f"k{number}"] = response.json()["id"] if response.status_code == 202 else None
        except httpx.TransportError:
            answers[f"k{number}"] = None

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(30)]
    for number, thread in enumerate(threads):
        thread.start()
        if number == 15:
            stack.kill("gateway-0")
    for thread in threads:
        thread.join()
    stack.until_ready()
    for key, job in answers.items():
        repeated = client.accepted(key=key, seed=int(key[1:]), gateway=1)
        assert job in (None, repeated)
        client.succeeded(repeated)


@pytest.mark.timeout(150)
def test_a_killed_broker_loses_nothing(stack: Stack, client: Client, books: Books) -> None:
    running = client.accepted(**lasting(3))
    client.running(running)
    queued = [client.accepted(**lasting(0.5)) for _ in range(12)]
    stack.kill("rabbitmq")
    assert client.succeeded(running, 30)["attempt"] == 1, "a job that runs needs no broker"
    for job in queued:
        client.succeeded(job, 90)
    stack.until_ready()
    client.succeeded(client.accepted())


@pytest.mark.timeout(120)
def test_a_killed_redis_loses_nothing(stack: Stack, client: Client, books: Books) -> None:
    finished = client.accepted()
    client.succeeded(finished)
    running = client.accepted(**lasting(2))
    client.running(running)
    queued = [client.accepted() for _ in range(6)]
    stack.kill("redis")
    for job in (finished, running, *queued):
        client.succeeded(job, 60)
        assert_ended_once(client, books, job)
    assert books.unaccounted() == 0
