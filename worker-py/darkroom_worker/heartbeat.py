"""Says to the ledger that this worker lives and what it holds: every 5 s, and at every delivery and ack."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time

import structlog

from darkroom_worker.clock import Clock
from darkroom_worker.ledger import Ledger, LedgerAway
from darkroom_worker.status import Status

EVERY_SECONDS = 5

log = structlog.get_logger()


class Heartbeat:
    """Runs until it is cancelled, and keeps the clock right."""

    def __init__(self, name: str, ledger: Ledger, status: Status, clock: Clock) -> None:
        self._name = name
        self._ledger = ledger
        self._status = status
        self._clock = clock

    async def run(self) -> None:
        started_at = 0
        looked = -math.inf
        while True:
            try:
                if time.monotonic() - looked > EVERY_SECONDS:
                    self._clock.set(await self._ledger.now())
                    looked = time.monotonic()
                now = self._clock.now or 0
                started_at = started_at or now
                self._status.changed.clear()
                asked = await self._ledger.heartbeat(self._name, self._status.heartbeat(now, started_at))
                if asked != self._status.asked_to_drain:
                    self._status.asked_to_drain = asked
                    self._status.touch()
            except LedgerAway as error:
                log.warning("no heartbeat", error=str(error))
                await asyncio.sleep(1)
            self._status.measure()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY_SECONDS):
                    await self._status.changed.wait()
