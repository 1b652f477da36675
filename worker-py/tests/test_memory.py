"""An engine with diffusers in it grows neither by jobs nor by cancels, and what an evicted model took comes back.

The model is tiny and its pictures are not: what would pile up is made of latents, pixels, files, schedulers and texts, not of weights.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("diffusers", reason="the engine's packages are not installed", exc_type=ImportError)

from darkroom_worker.order import Drawing, EngineStopped, Progress, Request
from darkroom_worker.pool import Pool
from tests import tiny
from tests.crew import alive, resident_mib
from tests.engines import job as simulated_job
from tests.engines import pid_of, running
from tests.orders import tiny_model

JOBS = 200
FIRST = 40  # until the allocator has seen what it will see
GROWTH = 1.03  # at 900 MiB: 140 kB a job
SIDE = 128  # pixels: a picture is 49 kB, and 196 kB as it is decoded
MODEL_MB = 600
ONE_FITS = "700MiB"

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]


def job(model: str, number: int, steps: int) -> dict[str, Any]:
    work = simulated_job(number % 100)
    spec = work["spec"] | {"width": SIDE, "height": SIDE, "steps": steps, "scheduler": "ddim", "seed": number}
    # No two ids are alike while two jobs are at work.
    return work | {"model": model, "task": "text_to_image", "spec": spec}


async def begin(pool: Pool, work: dict[str, Any], progress: Progress) -> asyncio.Future[Drawing]:
    (result,) = await pool.draw([Request(work, 1, progress)])
    return result


def test_two_hundred_jobs_and_two_hundred_cancels_add_nothing_and_an_eviction_gives_everything_back(
    tmp_path: Path,
) -> None:
    folder = tiny.folder("sd")
    models = [tiny_model("sd", folder, id=name, memory_mb=MODEL_MB) for name in ("first", "second")]

    async def draw(pool: Pool, number: int) -> None:
        await (await begin(pool, job("first", number, 1), Progress()))

    async def leave(pool: Pool, number: int) -> None:
        progress = Progress()
        result = await begin(pool, job("first", number, 50), progress)
        while not progress.step:
            await asyncio.sleep(0.002)
        assert pool.cancel(str(job("first", number, 50)["id"]))
        with pytest.raises(EngineStopped):
            await result

    async def main() -> None:
        async with running(tmp_path, *models, WORKER_MEMORY=ONE_FITS, WORKER_DEVICE="cpu") as pool:
            assert await pool.usable("first")
            first = pid_of(pool, "first")
            for act in (draw, leave):
                for number in range(FIRST):
                    await act(pool, number)
                before = resident_mib(first)
                for number in range(JOBS):
                    await act(pool, number)
                assert resident_mib(first) < before * GROWTH, act.__name__
            assert pid_of(pool, "first") == first
            await (await begin(pool, job("second", 1, 2), Progress()))
            assert pool.warm == {"second"}
            assert not alive(first), "its process, and with it all it had in memory, is gone"
            assert pool.pids == {pid_of(pool, "second")}

    asyncio.run(main())
