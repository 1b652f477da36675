"""A model's place in a worker's memory, taken or not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from darkroom_worker.catalog import Model
from darkroom_worker.engine import Engine


@dataclass(eq=False)
class Place:
    """What the pool knows of one model, in memory or not."""

    model: Model
    engine: Engine | None = None
    due: bool = True  # to be loaded without being asked, if it fits beside the others
    bytes: int = 0  # measured at its last load
    load_ms: int = 0  # of its last load
    caps: dict[str, int] = field(default_factory=dict)  # of its last load: rows that pay together, by "WIDTHxHEIGHT"
    barred: str = ""  # why
    barred_until: float = 0
    asked_at: float = 0  # by the first of those who wait
    waiting: list[asyncio.Future[Engine]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes that it takes, or probably will."""
        return self.bytes or self.model.memory_mb << 20

    @property
    def wanted(self) -> bool:
        return any(not waiter.done() for waiter in self.waiting)

    def hand_out(self) -> None:
        """Whoever waits has a claim on the engine: it draws for them before it may leave."""
        for waiter in self.waiting:
            if self.engine and not waiter.done():
                self.engine.claims += 1
                waiter.set_result(self.engine)
        self.waiting.clear()

    def refuse(self, error: Exception) -> None:
        for waiter in self.waiting:
            if not waiter.done():
                waiter.set_exception(error)
        self.waiting.clear()
