"""Pools with simulated models, and jobs for them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from darkroom_worker import settings
from darkroom_worker.cancellation import cancel
from darkroom_worker.catalog import Model
from darkroom_worker.order import Drawing, Progress, Request
from darkroom_worker.pool import Pool
from tests.crew import alive


def model(model_id: str = "simulated", /, **entry: Any) -> Model:
    limits = {"load": 20, "warm_up": 20, "first_step": 2, "step": 1, "decode": 5} | entry.pop("stall_seconds", {})
    known = {"id": model_id, "task": "simulated", "schedulers": {"simulated": {}}, "batch_cap": 1, "step_ms": 20}
    return Model.model_validate({**known, "stall_seconds": limits, **entry})


@contextlib.asynccontextmanager
async def running(folder: Path, *models: Model, **environ: str) -> AsyncIterator[Pool]:
    """A pool at work, without a spare unless that is asked for; at the end nothing of it is left."""
    own = {"WORKER_SPARE": "false", "WORKER_LOCK_DIR": str(folder), "WORKER_CACHE_DIR": str(folder)}
    given = {"TEST_MODE": "true", **own, **environ}
    pool = Pool({entry.id: entry for entry in models or [model()]}, settings.load(given))
    task = asyncio.create_task(pool.run())
    try:
        yield pool
    finally:
        pids = pool.pids
        await cancel(task)
        assert not pool.pids
        assert not any(map(alive, pids))


def job(
    number: int = 0,
    model_id: str = "simulated",
    *,
    n: int = 1,
    steps: int = 5,
    size: int = 64,
    fault: str | None = None,
    **metadata: str,
) -> dict[str, Any]:
    if fault:
        metadata["fault"] = fault
    return {
        "version": 1, "id": f"06h00e010015g001081g81860s40i7ko2sfi5e9{number:02d}6", "owner": "ab" * 16, "model": model_id,
        "task": "simulated", "input": {}, "warnings": [], "metadata": metadata, "seed_drawn": False, "created_at": 1795300000000,
        "deadline": 1795300600000, "max_attempts": 3,
        "spec": {
            "prompt": "a mug", "negative_prompt": "", "width": size, "height": size, "steps": steps, "guidance_scale": 1.0,
            "scheduler": "simulated", "seed": 7, "n": n, "format": "png",
        },
    }  # fmt: skip


async def begin(
    pool: Pool, work: dict[str, Any], progress: Progress | None = None, attempt: int = 1
) -> asyncio.Future[Drawing]:
    (result,) = await pool.draw([Request(work, attempt, progress or Progress())])
    return result


async def draw(pool: Pool, work: dict[str, Any], attempt: int = 1) -> Drawing:
    assert await pool.usable(work["model"])
    return await (await begin(pool, work, attempt=attempt))


def pid_of(pool: Pool, model_id: str = "simulated") -> int:
    """Of the process that has the model in memory."""
    engine = pool.engine(model_id)
    assert engine
    return engine.pid
