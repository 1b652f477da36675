"""How many rows of one size pay together: measured once per model, size and machine, and kept on disk."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import structlog

from darkroom_worker.tasks.task import OutOfMemory

log = structlog.get_logger()

NEARLY_BEST = 0.95  # of the best throughput: the smallest such batch is taken, for memory and for a cancel's sake
WORTH_ON_CPU = (
    1.2  # what a batch must gain over single rows there: others on the machine pay for it with caches and memory
)


class Profile:
    """The caps of one model on one device."""

    def __init__(self, folder: Path, batch_cap: int, *, on_cpu: bool, key: Mapping[str, Any]) -> None:
        """folder: where caps are kept, made when absent. batch_cap: never measured beyond, 1 to 64.

        key: whatever the figures depend on (model, revision, device's name, dtype, threads ...); versions of the libraries are added.
        """
        self._batch_cap = batch_cap
        self._least_gain = WORTH_ON_CPU if on_cpu else 1.0
        known = json.dumps({**key, "versions": _versions()}, sort_keys=True, default=str)
        self._path = folder / "caps" / f"{hashlib.sha256(known.encode()).hexdigest()[:24]}.json"

    def caps(
        self, sizes: Iterable[tuple[int, int]], seconds_per_step: Callable[[int, int, int], float]
    ) -> dict[str, int]:
        """Rows that pay together by "WIDTHxHEIGHT". seconds_per_step(width, height, rows) measures; raises OutOfMemory."""
        kept = self._read()
        found = {}
        for width, height in sizes:
            size = f"{width}x{height}"
            if size not in kept:
                kept[size] = rows_that_pay(
                    lambda rows, width=width, height=height: seconds_per_step(width, height, rows),  # type: ignore[misc]
                    self._batch_cap,
                    self._least_gain,
                )
                self._write(kept)
            found[size] = min(kept[size], self._batch_cap)
        return found

    def _read(self) -> dict[str, int]:
        try:
            kept = json.loads(self._path.read_text())
        except (OSError, ValueError):  # absent or broken: measured again
            return {}
        return {size: rows for size, rows in kept.items() if isinstance(rows, int) and rows >= 1}

    def _write(self, caps: dict[str, int]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Renamed into place: another worker may read it now.
            with tempfile.NamedTemporaryFile("w", dir=self._path.parent, delete=False) as draft:
                json.dump(caps, draft)
            os.replace(draft.name, self._path)
        except OSError as error:  # costs a measurement at the next start, nothing more
            log.warning("the measured caps could not be kept", path=str(self._path), reason=str(error))


def rows_that_pay(seconds_per_step: Callable[[int], float], batch_cap: int, least_gain: float) -> int:
    """The smallest of 1, 2, 4 ... rows whose rows per second come to NEARLY_BEST of the best; 1 where that gains less than least_gain.

    The climb ends where memory does (OutOfMemory), or where more rows are no faster.
    """
    if batch_cap == 1:
        return 1
    rates: dict[int, float] = {}
    rows = 1
    while rows <= batch_cap:
        try:
            rates[rows] = rows / seconds_per_step(rows)
        except OutOfMemory:
            break
        if rates[rows] < max(rates.values()) * NEARLY_BEST:
            break
        rows = batch_cap if rows < batch_cap < rows * 2 else rows * 2
    if not rates:
        return 1
    best = max(rates.values())
    cap = min(rows for rows, rate in rates.items() if rate >= best * NEARLY_BEST)
    return cap if rates[cap] >= rates[1] * least_gain else 1


def _versions() -> dict[str, str]:
    found = {}
    for name in ("torch", "diffusers"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
