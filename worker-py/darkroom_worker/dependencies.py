"""Looks after Redis and S3: refuses ones that cannot keep the promises, and says in the status when one is away."""

from __future__ import annotations

import asyncio

import structlog

from darkroom_worker.ledger import Ledger, LedgerAway
from darkroom_worker.status import NOT_YET, Status
from darkroom_worker.store import Store, StoreAway

EVERY_SECONDS = 3

log = structlog.get_logger()


class Unfit(Exception):
    """This Redis cannot be used; the text says what to change."""


class Dependencies:
    """Runs until it is cancelled. Raises Unfit or StoreUnfit for what no waiting can mend."""

    def __init__(self, ledger: Ledger, store: Store, status: Status) -> None:
        self._ledger = ledger
        self._store = store
        self._status = status
        self._probed = False
        self._doubted: set[str] = set()

    async def run(self) -> None:
        while True:
            self._note("redis", await self._look_at_redis())
            self._note("s3", await self._look_at_s3())
            await asyncio.sleep(EVERY_SECONDS)

    async def _look_at_redis(self) -> str:
        try:
            policy = await self._ledger.eviction_policy()
        except LedgerAway as error:
            return str(error)
        if policy != "noeviction":
            raise Unfit(f"REDIS_URL: maxmemory-policy is {policy}, which throws jobs away: set noeviction")
        return ""

    async def _look_at_s3(self) -> str:
        try:
            await asyncio.to_thread(self._store.ready)
            if not self._probed:
                await asyncio.to_thread(self._store.probe)
                self._probed = True
        except StoreAway as error:
            return str(error)
        return ""

    def _note(self, part: str, trouble: str) -> None:
        """One failed look is a doubt, two in a row are an outage: a single reset connection stops nothing."""
        troubles = self._status.troubles
        if not trouble:
            self._doubted.discard(part)
            if troubles.pop(part, None):
                log.info("a dependency is there", part=part)
                self._status.touch()
        elif part not in self._doubted:
            self._doubted.add(part)
        else:
            if troubles.get(part, NOT_YET) == NOT_YET:
                log.warning("a dependency is away", part=part, reason=trouble)
                self._status.touch()
            troubles[part] = trouble
