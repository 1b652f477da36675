"""A workshop as a worker has it, with the real ledger, store and engines, and without a broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from darkroom_worker import catalog, settings
from darkroom_worker.cancellation import cancel
from darkroom_worker.ledger import Ledger
from darkroom_worker.pool import Pool
from darkroom_worker.store import Store
from darkroom_worker.workshop import Workshop
from tests.house import CONTRACT, House


@asynccontextmanager
async def workshop_in(folder: Path, house: House, **changes: Any) -> AsyncIterator[Workshop]:
    """Its engines run until the end; locks and caches are in the folder."""
    folders = dict.fromkeys(("WORKER_LOCK_DIR", "WORKER_CACHE_DIR"), str(folder))
    config = settings.load({"WORKER_SPARE": "false", **house.environ, **folders})
    pool = Pool(catalog.load(config.MODELS_FILE, config.WORKER_MODELS, test_mode=True), config)
    ledger = Ledger(config.REDIS_URL, "", CONTRACT)
    running = asyncio.create_task(pool.run())
    known: dict[str, Any] = {
        "name": "w0", "ledger": ledger, "store": store_of(house), "pool": pool, "retention": 600, "patience": 300, "limit": 300,
        **changes,
    }  # fmt: skip
    try:
        yield Workshop(**known)
    finally:
        await cancel(running)
        await ledger.close()


def store_of(house: House, endpoint: str | None = None) -> Store:
    environ = house.environ
    return Store(
        endpoint or environ["S3_ENDPOINT"], environ["S3_ACCESS_KEY"], environ["S3_SECRET_KEY"], None, house.bucket
    )
