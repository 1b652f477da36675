"""A sitting: where the attempts of a group meet to be drawn as one batch. Whoever is not ready in time is drawn alone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from darkroom_worker.order import Drawing, EngineDied, Request, TaskFailed
from darkroom_worker.pool import Pool

WAIT_SECONDS = 1.0  # for the others, once the first is ready


class FailedTogether(Exception):
    """The engine died, or failed in passing, while it was at several: whose fault that was shows when each is drawn alone."""


@dataclass(eq=False)
class _Seat:
    """One who is ready, and the way to its drawing."""

    request: Request
    drawing: asyncio.Future[asyncio.Future[Drawing]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def leave(self) -> None:
        """Whatever becomes of it, nobody waits for it any more."""
        if not self.drawing.cancel() and not self.drawing.cancelled() and not self.drawing.exception():
            self.drawing.result().cancel()


class Sitting:
    """Each attempt of a group either draws here, once, or leaves."""

    def __init__(self, pool: Pool, expected: int) -> None:
        self._pool = pool
        self._expected = expected  # attempts that have neither come nor left
        self._seats: list[_Seat] = []
        self._begun: asyncio.Task[None] | None = None

    async def draw(self, request: Request) -> Drawing:
        """Draws with all who are ready once nobody else is expected, or has come in time; a latecomer is drawn alone.

        Raises what the pool's drawing ends in, or FailedTogether. Cancelled, it leaves the others undisturbed.
        """
        if self._begun:
            return await Sitting(self._pool, 1).draw(request)
        seat = _Seat(request)
        self._seats.append(seat)
        if len(self._seats) == 1:
            asyncio.get_running_loop().call_later(WAIT_SECONDS, self._begin)
        self.leave()
        try:
            return await (await seat.drawing)
        except EngineDied as error:
            if len(self._seats) == 1 and not error.blameless:
                raise
            raise FailedTogether(str(error)) from error
        except TaskFailed as error:
            if len(self._seats) == 1 or not error.transient:
                raise
            raise FailedTogether(error.message) from error
        finally:
            seat.leave()

    def leave(self) -> None:
        """One less is expected."""
        self._expected -= 1
        if not self._expected and self._seats:
            self._begin()

    def _begin(self) -> None:
        if self._begun is None:
            self._seats = [seat for seat in self._seats if not seat.drawing.cancelled()]
            self._begun = asyncio.create_task(self._draw())

    async def _draw(self) -> None:
        if not self._seats:
            return
        try:
            drawings = await self._pool.draw([seat.request for seat in self._seats])
        except Exception as error:  # a fault of ours; nobody shall wait for ever
            for seat in self._seats:
                if not seat.drawing.done():
                    seat.drawing.set_exception(error)
            return
        for seat, drawing in zip(self._seats, drawings, strict=True):
            if seat.drawing.cancelled():
                drawing.cancel()
            else:
                seat.drawing.set_result(drawing)
