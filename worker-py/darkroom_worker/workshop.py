"""What every attempt of a worker shares, and how it waits for what is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog

from darkroom_worker import metrics
from darkroom_worker.ledger import Ledger, LedgerAway
from darkroom_worker.pool import Pool
from darkroom_worker.store import Store, StoreAway
from darkroom_worker.tracing import Tracer

STORE_BUDGET_SECONDS = 120
LEDGER_RETRY_SECONDS = 1

log = structlog.get_logger()
T = TypeVar("T")


@dataclass(frozen=True)
class Workshop:
    """A worker's name and tools."""

    name: str
    ledger: Ledger
    store: Store
    pool: Pool
    retention: int  # s
    patience: float  # s that a message may be in hand before an attempt at it begins
    limit: float  # s that one attempt may take
    tracer: Tracer = field(default_factory=lambda: Tracer("", ""))

    async def insist(self, call: Callable[[], Awaitable[T]]) -> T:
        """A call to Redis, repeated until it answers: nothing can be decided without it."""
        while True:
            try:
                return await call()
            except LedgerAway as error:
                metrics.LEDGER_TROUBLE.inc()
                log.warning("the ledger is away", error=str(error))
                await asyncio.sleep(LEDGER_RETRY_SECONDS)

    async def persist(self, call: Callable[..., T], *arguments: Any) -> T:
        """A call to S3, repeated for as long as the budget lasts. Raises StoreAway."""
        until, pause = time.monotonic() + STORE_BUDGET_SECONDS, 0.2
        while True:
            try:
                return await asyncio.to_thread(call, *arguments)
            except StoreAway as error:
                metrics.STORE_TROUBLE.inc()
                if time.monotonic() + pause > until:
                    raise
                log.warning("the store is away", error=str(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5)
