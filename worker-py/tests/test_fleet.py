"""A backlog, and how a worker leaves one. Sharing a queue, and following a killed worker, is shown on the whole system: tests/system."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

from tests.conftest import CAP, ONE_FITS
from tests.crew import Worker, worker
from tests.house import House, wait_until

DAY_MS = 24 * 3600 * 1000


def test_a_drain_finishes_what_fits_gives_back_the_rest_and_costs_no_attempt(house: House, tmp_path: Path) -> None:
    with worker(house, tmp_path, WORKER_DRAIN_GRACE="1") as unit:
        long, waiting = house.submit(steps=1000, metadata={"step_ms": "20"}), house.submit()
        wait_until(lambda: house.state(long) == "running")
        wait_until(lambda: len(_heartbeat(house, "w0")["held"]) == 2)
        wait_until(lambda: _heartbeat(house, "w0").get("job") == long.id)
        assert _heartbeat(house, "w0")["state"] == "busy"
        unit.stop()
        assert house.state(long) == "queued"
        assert house.redis.hget(f"job:{long.id}", "attempt") == "0"
        assert house.state(waiting) == "queued"
        assert house.left() == 2
        assert house.redis.get("worker:w0") is None


def test_a_backlog_is_drawn_in_full_batches_and_a_drain_gives_back_whole_groups(
    pair: tuple[House, House], tmp_path: Path
) -> None:
    house, _ = pair
    jobs = [house.submit(steps=20, seed=seed) for seed in range(20)]
    with worker(house, tmp_path, WORKER_DRAIN_GRACE="0") as unit:
        batches = [house.ended(job)["spec"]["batch"] for job in jobs]
        assert max(batches) == CAP
        # Beside the group that draws, and the one that is being stored, another can gather.
        assert sum(batch == CAP for batch in batches) >= 12
        wait_until(lambda: _heartbeat(house, "w0")["held"] == [])
        long = [house.submit(steps=1000, seed=seed) for seed in range(10)]
        wait_until(lambda: len(_heartbeat(house, "w0")["held"]) == 2 * CAP)
        wait_until(lambda: any(house.state(job) == "running" for job in long))
        unit.stop()
        assert {(house.state(job), house.redis.hget(f"job:{job.id}", "attempt")) for job in long} == {("queued", "0")}
        assert house.left() == len(long)


def test_a_backlog_of_two_models_of_which_one_fits_is_drawn_with_a_load_or_two(
    pair: tuple[House, House], tmp_path: Path
) -> None:
    with worker(pair[0], tmp_path, WORKER_MEMORY=ONE_FITS) as unit:
        # The second does not fit beside the first.
        wait_until(lambda: _loads(unit) == 1)
        jobs = [pair[number % 2].submit(steps=2, seed=number) for number in range(40)]
        assert {pair[0].ended(job)["state"] for job in jobs} == {"succeeded"}
        assert _loads(unit) <= 1 + 2


def test_a_drain_that_has_time_lets_the_job_end(house: House, tmp_path: Path) -> None:
    with worker(house, tmp_path, WORKER_DRAIN_GRACE="30") as unit:
        job = house.submit(steps=100)
        wait_until(lambda: house.state(job) == "running")
        unit.process.send_signal(signal.SIGTERM)
        # Health stays visible through the drain.
        wait_until(lambda: (unit.reasons() or {}).get("worker") == "draining", 5)
        unit.process.wait(30)
        assert house.ended(job)["attempt"] == 1


def test_a_worker_that_crashed_is_remembered_for_a_week(house: House, tmp_path: Path) -> None:
    now = round(time.time() * 1000)
    house.redis.zadd("workers", {"yesterday": now - DAY_MS, "last-week": now - 8 * DAY_MS})
    with worker(house, tmp_path):
        wait_until(lambda: house.redis.zscore("workers", "w0"))
        assert house.redis.zrange("workers", 0, -1) == ["yesterday", "w0"]


def _loads(unit: Worker) -> int:
    lines = unit.get("/metrics").text.splitlines()
    return round(
        sum(float(line.split()[-1]) for line in lines if line.startswith("darkroom_worker_model_loads_total{"))
    )


def _heartbeat(house: House, name: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(house.redis.get(f"worker:{name}") or "{}")
    return report
