"""Begins what the line lets go, a group at a time, and sees every attempt to its end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping

from darkroom_worker.attempt import Attempt
from darkroom_worker.catalog import Model
from darkroom_worker.line import Delivery, Line
from darkroom_worker.outcome import Outcome
from darkroom_worker.sitting import Sitting
from darkroom_worker.workshop import Workshop

LOOK_SECONDS = 0.25  # the line is asked again while jobs wait: patience comes to its end without a sound

Conclude = Callable[[Delivery, Outcome | BaseException], Awaitable[None]]


class Batcher:
    """Holds what is delivered, and runs it."""

    def __init__(
        self, workshop: Workshop, models: Mapping[str, Model], begun: list[Attempt], conclude: Conclude
    ) -> None:
        self._shop = workshop
        self._begun = begun  # every attempt at work, for the status
        self._conclude = conclude
        self._line = Line(models, workshop.pool, workshop.pool.load_seconds)
        self._woken = asyncio.Event()
        workshop.pool.listeners.append(self._woken.set)
        self.running: dict[asyncio.Task[None], Attempt] = {}

    def add(self, delivery: Delivery) -> None:
        self._line.add(delivery)
        self._woken.set()

    def empty(self, model: str | None = None) -> list[Delivery]:
        """Takes out everything that has not begun, or what of it is this model's."""
        return self._line.take(lambda delivery: model in (None, delivery.job.model))

    async def run(self) -> None:
        """Begins one group after another until it is cancelled; jobs that have begun go on."""
        while True:
            self._woken.clear()
            attempts = self.running.values()
            undrawn = {attempt.job.model for attempt in attempts if not attempt.progress.drawn.is_set()}
            if group := self._line.next(time.monotonic(), undrawn, {attempt.job.model for attempt in attempts}):
                self._begin(group)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS if self._line.waiting else None):
                    await self._woken.wait()

    def _begin(self, group: list[Delivery]) -> None:
        sitting = Sitting(self._shop.pool, len(group))
        for delivery in group:
            attempt = Attempt(
                self._shop, delivery.job, delivery.published_at, delivery.arrived, sitting, delivery.traceparent
            )
            task = asyncio.create_task(self._work(delivery, attempt))
            self.running[task] = attempt
            task.add_done_callback(self._ended)

    async def _work(self, delivery: Delivery, attempt: Attempt) -> None:
        self._begun.append(attempt)
        try:
            outcome: Outcome | BaseException = await attempt.run()
        except Exception as error:  # a fault of ours must not take the worker down; the consumer logs it
            outcome = error
        finally:
            self._begun.remove(attempt)
            self._woken.set()
        await self._conclude(delivery, outcome)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self.running[task]
        self._woken.set()
