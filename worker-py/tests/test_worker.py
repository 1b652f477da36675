"""A whole worker against the real services: one message's way, and what it does when parts are taken away."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from tests.crew import Worker, resident_mib, worker
from tests.house import House, wait_until

MAX_IDLE_SUPERVISOR_MIB = 120


@pytest.fixture(scope="module")
def steady(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """One worker for all tests that leave it as they found it."""
    with worker(house, tmp_path_factory.mktemp("steady"), "steady") as unit:
        yield unit


def test_a_job_becomes_a_labelled_picture_with_its_settings_and_the_message_is_gone(
    house: House, steady: Worker
) -> None:
    job = house.submit(n=2, width=256, height=128)
    verdict = house.ended(job)
    assert verdict == house.sealed(job)
    assert (verdict["state"], verdict["attempt"], verdict["worker"]) == ("succeeded", 1, "steady")
    assert [image["seed"] for image in verdict["images"]] == [7, 8]
    picture: Any = Image.open(io.BytesIO(house.image(verdict, 1)))
    assert picture.size == (256, 128)
    assert picture.text["parameters"].startswith(
        "a green glass bottle\nSteps: 4, Sampler: simulated, CFG scale: 3, Seed: 8"
    )
    settings = json.loads(picture.text["darkroom"])
    assert (settings["simulated"], settings["seed"], settings["job"]) == (True, 8, job.id)
    assert set(verdict["timings"]) == {
        f"{part}_ms" for part in ("queue", "load", "denoise", "decode", "upload", "work", "total")
    }
    wait_until(lambda: house.left() == 0)
    wait_until(lambda: _heartbeat(house, "steady")["held"] == [])


def test_jobs_one_after_another_load_nothing_again_and_every_one_ends(house: House, steady: Worker) -> None:
    jobs = [house.submit(steps=2) for _ in range(12)]
    assert {house.ended(job)["state"] for job in jobs} == {"succeeded"}
    loads = [
        line
        for line in steady.get("/metrics").text.splitlines()
        if line.startswith("darkroom_worker_model_loads_total{")
    ]
    assert [line.split()[-1] for line in loads] == ["1.0"]


def test_a_cancel_frees_the_engine_within_a_second(house: House, steady: Worker) -> None:
    long, short = house.submit(steps=1000), house.submit()
    wait_until(lambda: int(house.redis.hget(f"job:{long.id}", "step") or 0) > 2)
    verdict = _canceled(house, long)
    began = time.monotonic()
    house.script("settle", long.id, verdict, "", 600_000)
    wait_until(lambda: house.state(short) != "queued")
    assert time.monotonic() - began < 1.5
    assert house.ended(short)["state"] == "succeeded"
    assert house.state(long) == "canceled"


def test_an_engine_that_dies_once_costs_an_attempt_and_seconds(house: House, steady: Worker) -> None:
    job = house.submit(steps=200)
    wait_until(lambda: int(house.redis.hget(f"job:{job.id}", "step") or 0) > 2)
    os.kill(steady.engine, signal.SIGKILL)
    wait_until(lambda: house.redis.hget(f"job:{job.id}", "attempt") == "2", 15)
    verdict = house.ended(job)
    assert (verdict["state"], verdict["attempt"]) == ("succeeded", 2)


def test_a_job_that_kills_every_engine_ends_as_poison_and_the_worker_goes_on(house: House, steady: Worker) -> None:
    job = house.submit(metadata={"fault": "segv@2"}, max_attempts=2)
    verdict = house.ended(job)
    assert (verdict["error"]["code"], verdict["error"]["retryable"], verdict["attempt"]) == ("poison", False, 2)
    assert "SIGSEGV" in verdict["error"]["message"]
    assert house.ended(house.submit())["state"] == "succeeded"
    assert steady.reasons() == {}


def test_memory_that_never_suffices_ends_the_job_and_not_the_worker(house: House, steady: Worker) -> None:
    job = house.submit(metadata={"fault": "oom@3"}, max_attempts=1)
    assert house.ended(job)["error"]["code"] == "out_of_memory"
    once = house.submit(metadata={"fault": "oom@3", "fault_times": "1"})
    wait_until(lambda: house.redis.hget(f"job:{once.id}", "stage") == "retry_wait")
    verdict = house.ended(once)
    assert (verdict["state"], verdict["attempt"]) == ("succeeded", 2)
    assert steady.reasons() == {}


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff" * 100, b"[" * 100_000, b'{"version": 1}' + b" " * (16 << 20)])
def test_garbage_is_dead_lettered_with_a_reason_and_the_worker_goes_on(
    house: House, steady: Worker, body: bytes
) -> None:
    with _copies(house, "darkroom.dead") as letters:
        house.publish_raw(body, "garbage")
        wait_until(lambda: letters.fetch("garbage"))
        properties, found = letters.fetch("garbage")
        assert properties.headers["reason"].startswith("garbage: ")
        assert found == body
        assert house.ended(house.submit())["state"] == "succeeded"
        assert house.left() == 0


def test_a_message_without_headers_is_read_by_its_body(house: House, steady: Worker) -> None:
    job = house.job()
    house.record(job)
    channel = house.channel()
    channel.basic_publish("darkroom.jobs", house.model, job.model_dump_json().encode())
    channel.connection.close()
    assert house.ended(job)["state"] == "succeeded"


def test_a_retry_goes_on_with_the_trace_of_its_job(house: House, steady: Worker) -> None:
    job, parent = house.job(metadata={"fault": "oom@1", "fault_times": "1"}), "00-" + "1a" * 16 + "-" + "2b" * 8 + "-01"
    with _copies(house, "darkroom.delay.5s") as delayed:
        house.publish_raw(job.model_dump_json().encode(), job.id, published_at=house.record(job), traceparent=parent)
        wait_until(lambda: delayed.fetch(job.id))
        properties, _ = delayed.fetch(job.id)
    assert properties.headers["traceparent"] == parent
    assert house.ended(job)["attempt"] == 2


def test_a_later_version_waits_for_a_newer_worker(house: House, steady: Worker) -> None:
    job = house.job()
    body = {**job.model_dump(), "version": 2, "spec": "of another shape"}
    house.publish_raw(json.dumps(body).encode(), job.id, version=2, deadline=job.deadline)
    wait_until(lambda: 'deliveries_total{outcome="laterversion"} 1.0' in steady.get("/metrics").text)
    wait_until(lambda: _heartbeat(house, "steady")["held"] == [])
    assert house.sealed(job) is None
    late = house.job(deadline=1)
    wait_until(lambda: house.now() > late.deadline)
    body = {**late.model_dump(), "version": 2, "spec": "of another shape"}
    house.publish_raw(json.dumps(body).encode(), late.id, version=2, deadline=late.deadline)
    assert house.ended(late)["error"]["code"] == "deadline"


def test_the_metrics_are_clean_and_the_idle_supervisor_is_small(house: House, steady: Worker) -> None:
    house.ended(house.submit())
    metrics = steady.get("/metrics").text
    assert f'darkroom_worker_verdicts_total{{code="",model="{house.model}",state="succeeded"}}' in metrics
    if promtool := shutil.which("promtool"):
        checked = subprocess.run(
            [promtool, "check", "metrics"], input=metrics, capture_output=True, text=True, check=False
        )
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    assert resident_mib(steady.supervisor) < MAX_IDLE_SUPERVISOR_MIB


def _heartbeat(house: House, name: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(house.redis.get(f"worker:{name}") or "{}")
    return report


def _canceled(house: House, job: Any) -> str:
    """What the gateway writes when an owner cancels: the verdict sealed in S3, to be settled by the caller."""
    now = house.now()
    verdict = job.model_dump(exclude={"version"}) | {
        "version": 1, "state": "canceled", "completed_at": now, "expires_at": now + 600_000, "attempt": 1,
    }  # fmt: skip
    text = json.dumps(verdict)
    house.s3.put_object(house.bucket, f"results/{job.id}/verdict.json", io.BytesIO(text.encode()), len(text))
    return text


class _copies:  # noqa: N801 - used as a function
    """A queue of the test's own beside those of an exchange, which others read too."""

    def __init__(self, house: House, exchange: str) -> None:
        self._exchange = exchange
        self._channel = house.channel()
        self._found: dict[str, tuple[Any, bytes]] = {}

    def __enter__(self) -> _copies:
        self._queue = self._channel.queue_declare("", exclusive=True).method.queue
        self._channel.queue_bind(self._queue, self._exchange)
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.connection.close()

    def fetch(self, message_id: str) -> Any:
        while True:
            method, properties, body = self._channel.basic_get(self._queue, auto_ack=True)
            if method is None:
                return self._found.get(message_id)
            self._found[properties.message_id] = (properties, body)
