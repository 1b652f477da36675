"""Redis time, which all parts of Darkroom go by, carried on by the local clock between two looks."""

from __future__ import annotations

import time


class Clock:
    """Unset until the first look."""

    def __init__(self) -> None:
        self._offset: int | None = None

    def set(self, now: int) -> None:
        """It is now this many ms since 1970, says Redis."""
        self._offset = now - _monotonic()

    @property
    def now(self) -> int | None:
        """Ms since 1970, None before the first look."""
        return None if self._offset is None else self._offset + _monotonic()


def _monotonic() -> int:
    return round(time.monotonic() * 1000)
