"""What a worker says of the services it waits for."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from darkroom_worker import dependencies, settings
from darkroom_worker.app import Worker
from darkroom_worker.cancellation import cancel
from tests.house import House


def test_a_service_that_is_away_from_the_start_is_told_once_and_named(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dependencies, "EVERY_SECONDS", 0.02)

    async def story() -> None:
        unit = Worker(settings.load({**house.environ, "S3_ENDPOINT": "127.0.0.1:1"}))
        looking = asyncio.create_task(unit.dependencies.run())
        try:
            async with asyncio.timeout(20):
                while "refused" not in unit.status.troubles["s3"] or "redis" in unit.status.troubles:
                    await asyncio.sleep(0.01)
        finally:
            await cancel(looking)
            await unit.ledger.close()

    with capture_logs() as lines:
        asyncio.run(story())
    assert [line["part"] for line in lines if line["event"] == "a dependency is away"] == ["s3"]
