"""How a task is cancelled for certain, and how it still ends what it began."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any


async def cancel(task: asyncio.Task[Any]) -> None:
    """Cancels until it is over. Once is not enough: before Python 3.12 `wait_for`, which redis-py uses, may swallow a cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=1)


async def finish(ending: Coroutine[Any, Any, None]) -> None:
    """Runs what a cancelled task must still do, to its end: `cancel` asks again while that takes its time."""
    task = asyncio.ensure_future(ending)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait({task})
    task.result()
