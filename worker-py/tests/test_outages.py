"""What a worker does while the broker, the ledger or the store is away, and when it is back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from darkroom_worker import broker as amqp
from darkroom_worker import settings
from darkroom_worker.app import Worker
from tests import crew
from tests.crew import worker
from tests.house import House, wait_until
from tests.proxy import Wire, wire


async def until(true: Callable[[], object], seconds: float = 40) -> None:
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(true):
            await asyncio.sleep(0.05)


def _target(url: str) -> str:
    found = re.search(r"([^/@]+:\d+)(/|$)", url)
    assert found
    return found[1]


def test_a_cut_broker_connection_costs_a_group_at_work_nothing(pair: tuple[House, House], tmp_path: Path) -> None:
    house, _ = pair
    url = house.environ["RABBITMQ_URL"]
    with (
        wire(_target(url)) as broker,
        worker(house, tmp_path, RABBITMQ_URL=url.replace(_target(url), broker.address)) as unit,
    ):
        jobs = [house.submit(steps=100, seed=seed) for seed in range(5)]  # one waits
        wait_until(lambda: sum(house.state(job) == "running" for job in jobs) >= 4)
        broker.cut()
        wait_until(lambda: "rabbitmq" in (unit.reasons() or {}))
        broker.mend()
        verdicts = [house.ended(job) for job in jobs]
        assert {(verdict["state"], verdict["attempt"]) for verdict in verdicts} == {("succeeded", 1)}
        # The redeliveries were deferred or dropped, never run.
        assert house.ended(house.submit())["state"] == "succeeded"
        wait_until(lambda: house.left() == 0)


def test_a_broker_that_only_keeps_silent_is_left_after_two_heartbeats(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert amqp.HEARTBEAT_SECONDS * 2 <= 30
    monkeypatch.setattr(amqp, "HEARTBEAT_SECONDS", 2)
    url = house.environ["RABBITMQ_URL"]

    async def story(broker: Wire) -> None:
        folders = dict.fromkeys(("WORKER_LOCK_DIR", "WORKER_CACHE_DIR"), str(tmp_path))
        away = {"RABBITMQ_URL": url.replace(_target(url), broker.address)}
        unit = Worker(settings.load(house.environ | folders | away))
        unit.start()
        try:
            await until(lambda: not unit.status.unready)
            begun = house.submit(steps=120, metadata={"step_ms": "100"})
            await until(lambda: house.state(begun) == "running")
            broker.freeze()
            await until(lambda: "rabbitmq" in unit.status.unready, 10)
            broker.mend()
            await until(lambda: not unit.status.unready)
            await until(lambda: house.state(begun) == "succeeded")
            assert house.redis.hget(f"job:{begun.id}", "attempt") == "1"
            job = house.submit()
            await until(lambda: house.state(job) == "succeeded")
        finally:
            await unit.stop()

    with wire(_target(url)) as broker:
        asyncio.run(story(broker))


def test_while_the_store_is_away_nothing_is_taken_and_a_drawn_picture_waits_for_it(
    house: House, tmp_path: Path
) -> None:
    with (
        wire(house.environ["S3_ENDPOINT"]) as store,
        worker(house, tmp_path, S3_ENDPOINT=store.address) as unit,
    ):
        job = house.submit(steps=50)
        wait_until(lambda: int(house.redis.hget(f"job:{job.id}", "step") or 0) > 2)
        store.cut()
        wait_until(lambda: {"s3", "rabbitmq"} <= set(unit.reasons() or {}), 30)
        later = house.submit()
        wait_until(lambda: house.redis.hget(f"job:{job.id}", "stage") == "uploading")
        assert house.state(later) == "queued"
        store.mend()
        assert house.ended(job)["attempt"] == 1
        assert house.ended(later)["state"] == "succeeded"
        unit.ready()


def test_while_the_ledger_is_away_the_work_goes_on_and_is_settled_later(house: House, tmp_path: Path) -> None:
    url = house.environ["REDIS_URL"]
    with (
        wire(_target(url)) as ledger,
        worker(house, tmp_path, REDIS_URL=url.replace(_target(url), ledger.address)) as unit,
    ):
        job = house.submit(steps=50)
        wait_until(lambda: int(house.redis.hget(f"job:{job.id}", "step") or 0) > 2)
        ledger.cut()
        wait_until(lambda: house.sealed(job) is not None)
        wait_until(lambda: "redis" in (unit.reasons() or {}), 30)
        assert house.state(job) == "running"
        ledger.mend()
        assert house.ended(job)["attempt"] == 1
        unit.ready()


def test_a_worker_comes_up_before_its_services_and_says_which_it_waits_for(house: House, tmp_path: Path) -> None:
    with wire(house.environ["S3_ENDPOINT"]) as store:
        store.cut()
        unit = crew.Worker(house, tmp_path, "w0", S3_ENDPOINT=store.address)
        wait_until(lambda: set(unit.reasons() or {}) == {"s3", "rabbitmq"}, 30, lambda: f"{unit.reasons()}")
        assert unit.get("/healthz").status_code == 200
        assert unit.get("/readyz").status_code == 503
        store.mend()
        unit.ready()
        unit.stop()


def test_a_redis_that_throws_jobs_away_is_refused_with_a_clear_line(house: House, tmp_path: Path) -> None:
    house.redis.config_set("maxmemory-policy", "allkeys-lru")
    unit = crew.Worker(house, tmp_path, "w0")
    try:
        wait_until(lambda: "maxmemory-policy is allkeys-lru" in unit.log.read_text(), 30)
        assert unit.reasons() != {}
    finally:
        house.redis.config_set("maxmemory-policy", "noeviction")
        unit.ready()  # gunicorn started it again
        unit.stop()
