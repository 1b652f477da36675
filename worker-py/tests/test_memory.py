"""The engine with the real Pocket Studio: it grows neither by jobs nor by cancels, and what an evicted model took comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from darkroom_worker import catalog, settings
from darkroom_worker.cancellation import cancel
from darkroom_worker.catalog import Model
from darkroom_worker.engine import Drawing, EngineStopped, Progress, Request
from darkroom_worker.pool import Pool
from tests.crew import alive, resident_mib
from tests.engines import job as simulated_job

ROOT = Path(__file__).resolve().parents[2]
JOBS = 200
FIRST = 40  # until the allocator has seen what it will see
GROWTH = 1.03

pytestmark = pytest.mark.timeout(900)


def job(model: str, number: int, steps: int) -> dict[str, Any]:
    work = simulated_job(number % 100)
    spec = work["spec"] | {"width": 128, "height": 128, "steps": steps, "scheduler": "ddim", "seed": number}
    # No two ids are alike while two jobs are at work.
    return work | {"model": model, "task": "text_to_image", "spec": spec}


def play(story: Callable[[Pool], Awaitable[None]], tmp_path: Path, models: dict[str, Model], memory: str = "") -> None:
    config = settings.load(
        {"WORKER_LOCK_DIR": str(tmp_path), "WORKER_CACHE_DIR": str(tmp_path), "WORKER_SPARE": "false",
         "WORKER_MEMORY": memory, "WORKER_DEVICE": "cpu"}
    )  # fmt: skip

    async def main() -> None:
        pool = Pool(models, config)
        running = asyncio.create_task(pool.run())
        try:
            await story(pool)
        finally:
            await cancel(running)
            assert not pool.pids

    asyncio.run(main())


def pocket_studio() -> Model:
    return catalog.load(ROOT / "deploy" / "models.yaml", ["pocket-studio"], test_mode=False)["pocket-studio"]


def engine_of(pool: Pool, model: str) -> int:
    engine = pool.engine(model)
    assert engine
    return engine.pid


async def begin(pool: Pool, work: dict[str, Any], progress: Progress) -> asyncio.Future[Drawing]:
    (result,) = await pool.draw([Request(work, 1, progress)])
    return result


def test_two_hundred_jobs_and_two_hundred_cancels_leave_the_engine_as_big_as_it_was(tmp_path: Path) -> None:
    async def story(pool: Pool) -> None:
        assert await pool.usable("pocket-studio")
        engine = engine_of(pool, "pocket-studio")

        async def draw(number: int) -> None:
            await (await begin(pool, job("pocket-studio", number, 1), Progress()))

        async def leave(number: int) -> None:
            progress = Progress()
            result = await begin(pool, job("pocket-studio", number, 50), progress)
            while not progress.step:
                await asyncio.sleep(0.005)
            assert pool.cancel(str(job("pocket-studio", number, 50)["id"]))
            with pytest.raises(EngineStopped):
                await result

        for act in (draw, leave):
            for number in range(FIRST):
                await act(number)
            before = resident_mib(engine)
            for number in range(JOBS):
                await act(number)
            assert resident_mib(engine) < before * GROWTH, act.__name__
        assert engine_of(pool, "pocket-studio") == engine

    play(story, tmp_path, {"pocket-studio": pocket_studio()})


def test_an_evicted_model_gives_its_memory_back(tmp_path: Path) -> None:
    one = pocket_studio().model_copy(update={"memory_mb": 600, "golden": None})  # it names its model
    models = {name: one.model_copy(update={"id": name}) for name in ("first", "second")}

    async def story(pool: Pool) -> None:
        assert await pool.usable("first")
        await (await begin(pool, job("first", 0, 2), Progress()))
        first = engine_of(pool, "first")
        await (await begin(pool, job("second", 1, 2), Progress()))
        assert pool.warm == {"second"}
        assert not alive(first), "its process, and with it all it had in memory, is gone"
        assert pool.pids == {engine_of(pool, "second")}

    play(story, tmp_path, models, memory=f"{pocket_budget(one)}")


def pocket_budget(model: Model) -> int:
    """Bytes that hold one of these models and not two."""
    return int(model.memory_mb * 1.5) << 20
