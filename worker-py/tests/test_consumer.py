"""The consumer against the real broker: what it takes, gives back and keeps."""

from __future__ import annotations

import asyncio
import gc
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from darkroom_worker import consumer as consumers
from darkroom_worker import pool as pools
from darkroom_worker import settings
from darkroom_worker.app import Worker
from darkroom_worker.cancellation import cancel
from darkroom_worker.status import Status
from tests.crew import worker
from tests.house import House, wait_until


class Fit(Status):
    """Takes work always, and counts how often the consumer looks."""

    looks = 0

    @property
    def unfit(self) -> dict[str, str]:
        Fit.looks += 1
        return {}


def test_an_idle_consumer_keeps_nothing_of_each_look(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr("darkroom_worker.app.Status", Fit)

    async def story() -> None:
        consumer = Worker(settings.load(house.environ)).consumer
        running = asyncio.create_task(consumer.run())
        try:
            await _look(10)
            before = _futures()
            await _look(300)
            assert _futures() <= before + 20
        finally:
            await cancel(running)
            await consumer.close()

    asyncio.run(story())


def test_a_sick_engine_gives_each_message_back_once_and_not_a_hundred_times(house: House, tmp_path: Path) -> None:
    with worker(house, tmp_path) as unit:
        for _ in range(3):
            house.submit(metadata={"fault": "exit@1"})
        waiting = [house.submit() for _ in range(2)]
        wait_until(lambda: json.loads(house.redis.get("worker:w0") or "{}").get("state") == "sick", 60)
        wait_until(lambda: house.left() >= len(waiting))
        requeued = re.search(r'deliveries_total\{outcome="requeue"\} (\S+)', unit.get("/metrics").text)
        assert requeued
        assert float(requeued[1]) <= 4  # what was held, once


def test_a_barred_model_is_not_consumed_while_the_other_is_and_both_are_once_it_is_mended(
    pair: tuple[House, House], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "QUARANTINE_SECONDS", 1.0)
    good, bad = pair
    faults = tmp_path / "cache" / "faults"
    faults.mkdir(parents=True)
    (faults / bad.model).write_text("error@check")
    environ = {**good.environ, "WORKER_LOCK_DIR": str(tmp_path), "WORKER_CACHE_DIR": str(tmp_path / "cache")}

    async def story() -> None:
        unit = Worker(settings.load(environ))
        unit.start()
        try:
            await _until(lambda: not unit.status.unready and bad.model in unit.pool.barred)
            waiting, drawn = [bad.submit() for _ in range(3)], good.submit()
            await _until(lambda: good.state(drawn) == "succeeded")
            assert {bad.state(job) for job in waiting} == {"queued"}
            assert bad.left() == len(waiting)
            (faults / bad.model).unlink()
            await _until(lambda: all(bad.state(job) == "succeeded" for job in waiting))
            assert {bad.ended(job)["attempt"] for job in waiting} == {1}
        finally:
            await unit.stop()

    asyncio.run(story())


def test_a_queue_that_was_deleted_and_declared_anew_at_once_is_consumed_again(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"WATCH_SECONDS": 1, "IDLE_SECONDS": 2, "OVERLOOKED_MS": 1000}.items():
        monkeypatch.setattr(consumers, name, value)
    folders = {"WORKER_LOCK_DIR": str(tmp_path), "WORKER_CACHE_DIR": str(tmp_path / "cache")}

    async def story() -> None:
        unit = Worker(settings.load(house.environ | folders))
        unit.start()
        try:
            await _until(lambda: not unit.status.unready)
            channel = house.channel()
            channel.queue_delete(house.queue)
            house.declare(channel)
            channel.connection.close()
            job = house.submit()
            await _until(lambda: house.state(job) == "succeeded")
        finally:
            await unit.stop()

    asyncio.run(story())


def test_a_stamp_that_is_no_time_is_not_believed(house: House, tmp_path: Path) -> None:
    with worker(house, tmp_path):
        for stamp in (True, -1, 2**60):
            job = house.job()
            house.record(job)
            house.publish(job, stamp)
            assert house.ended(job, 20)["state"] == "succeeded", stamp


async def _look(often: int) -> None:
    async with asyncio.timeout(30):
        until = Fit.looks + often
        while Fit.looks < until:
            await asyncio.sleep(0.01)


async def _until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(40):
        while not await asyncio.to_thread(true):
            await asyncio.sleep(0.05)


def _futures() -> int:
    gc.collect()
    return sum(issubclass(type(thing), asyncio.Future) for thing in gc.get_objects())
