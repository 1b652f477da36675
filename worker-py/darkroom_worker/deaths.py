"""Whether engines die because of a job, or because of the device."""

from __future__ import annotations

import time
from collections.abc import Sequence

LIMIT = 3  # different causes
WITHIN_SECONDS = 300


class Deaths:
    """The ends of engines that nobody wanted, of the last WITHIN_SECONDS."""

    def __init__(self) -> None:
        self._noted: list[tuple[float, frozenset[str]]] = []

    def note(self, cause: frozenset[str]) -> None:
        """One more. cause: the jobs that were at work, or the model that was loaded; empty when there was none."""
        now = time.monotonic()
        self._noted = [(at, by) for at, by in self._noted if now - at < WITHIN_SECONDS] + [(now, cause)]

    @property
    def count(self) -> int:
        return len(self._noted)

    @property
    def too_many(self) -> bool:
        """A job that kills every engine it meets is one cause, not many: it ends as poison, and the device is not to blame."""
        return causes([by for _, by in self._noted]) >= LIMIT


def causes(deaths: Sequence[frozenset[str]]) -> int:
    """How many different things ended engines: deaths that have a job in common are one; a death without any is one of its own."""
    found: list[frozenset[str]] = []
    for death in deaths:
        akin = [cause for cause in found if cause & death]
        found = [cause for cause in found if cause not in akin] + [death.union(*akin)]
    return len(found)
