"""Says to the ledger that this worker lives and what it holds: every 5 s, and at every delivery and ack."""

from __future__ import annotations

import asyncio
import contextlib
import time

import structlog

from darkroom_worker import metrics
from darkroom_worker.ledger import Ledger, LedgerAway
from darkroom_worker.status import Status

EVERY_SECONDS = 5

log = structlog.get_logger()


class Heartbeat:
    """Runs until it is cancelled. The clock is Redis's, carried on between two looks by the local one."""

    def __init__(self, name: str, ledger: Ledger, status: Status) -> None:
        self._name = name
        self._ledger = ledger
        self._status = status

    async def run(self) -> None:
        offset = started_at = looked = 0
        while True:
            try:
                if not started_at or time.monotonic() - looked > EVERY_SECONDS:
                    offset = await self._ledger.now() - round(time.monotonic() * 1000)
                    looked = round(time.monotonic())
                now = offset + round(time.monotonic() * 1000)
                started_at = started_at or now
                self._status.changed.clear()
                await self._ledger.heartbeat(self._name, self._status.heartbeat(now, started_at))
            except LedgerAway as error:
                log.warning("no heartbeat", error=str(error))
                await asyncio.sleep(1)
            metrics.READY.set(not self._status.unready)
            metrics.HELD.set(self._status.held.total())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY_SECONDS):
                    await self._status.changed.wait()
