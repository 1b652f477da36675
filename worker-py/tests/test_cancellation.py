"""A cancelled task ends what it began, however often it is asked to leave."""

from __future__ import annotations

import asyncio

import pytest

from darkroom_worker.cancellation import cancel, finish


def test_an_ending_that_takes_its_time_is_not_cut_off_by_a_second_cancel() -> None:
    async def main() -> None:
        begun, go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def ending() -> None:
            begun.set()
            await go_on.wait()
            ended.set()

        async def work() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await finish(ending())

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        for _ in range(3):
            task.cancel()
            await begun.wait()
            await asyncio.sleep(0)
        assert not task.done()
        go_on.set()
        await cancel(task)
        assert ended.is_set()
        assert task.cancelled()

    asyncio.run(main())


def test_what_goes_wrong_in_an_ending_is_told() -> None:
    async def ending() -> None:
        raise RuntimeError("no way out")

    with pytest.raises(RuntimeError, match="no way out"):
        asyncio.run(finish(ending()))
