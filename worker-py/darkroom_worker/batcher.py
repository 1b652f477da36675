"""Which waiting jobs run next: one at a time, oldest first. The next starts when the engine is free, while the last is still being stored."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aio_pika.abc import AbstractIncomingMessage

from darkroom_worker.attempt import Attempt
from darkroom_worker.messages import Job
from darkroom_worker.outcome import Outcome
from darkroom_worker.workshop import Workshop


@dataclass(frozen=True, eq=False)
class Delivery:
    """A job and the message that brought it."""

    job: Job
    published_at: int
    message: AbstractIncomingMessage


Conclude = Callable[[Delivery, Attempt | None, Outcome | BaseException], Awaitable[None]]


class Batcher:
    """Holds what is delivered and not begun, and runs it."""

    def __init__(self, workshop: Workshop, begun: list[Attempt], conclude: Conclude) -> None:
        self._shop = workshop
        self._begun = begun  # every attempt at work, for the status
        self._conclude = conclude
        self._waiting: deque[Delivery] = deque()
        self._arrived = asyncio.Event()
        self.running: dict[asyncio.Task[None], Attempt] = {}

    def add(self, delivery: Delivery) -> None:
        self._waiting.append(delivery)
        self._arrived.set()

    def empty(self) -> list[Delivery]:
        """Takes out everything that has not begun."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting

    async def run(self) -> None:
        """Begins one job after another until it is cancelled; jobs that have begun go on."""
        while True:
            await self._arrived.wait()
            if not self._waiting:
                self._arrived.clear()
                continue
            delivery = self._waiting.popleft()
            attempt = Attempt(self._shop, delivery.job, delivery.published_at)
            task = asyncio.create_task(self._work(delivery, attempt))
            self.running[task] = attempt
            task.add_done_callback(self.running.pop)
            await attempt.progress.drawn.wait()

    async def _work(self, delivery: Delivery, attempt: Attempt) -> None:
        self._begun.append(attempt)
        try:
            outcome: Outcome | BaseException = await attempt.run()
        except Exception as error:  # a fault of ours must not take the worker down; the consumer logs it
            outcome = error
        finally:
            self._begun.remove(attempt)
        await self._conclude(delivery, attempt, outcome)
