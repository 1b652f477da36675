"""Named points at which a test may end, fail or hold up this worker. Armed in test mode alone; `python -m darkroom_worker.failpoint` lists them.

The file that WORKER_FAIL_AT names holds lines point:kill, point:error or point:delay, with :n for the n-th time that any process comes by.
A line strikes once and is gone with that: what is started again goes on.
"""

from __future__ import annotations

import asyncio
import fcntl
import importlib
import os
import signal
import time
from pathlib import Path
from typing import ClassVar

DELAY_SECONDS = 1.5

_steps: list[Step] = []


class Step:
    """Something that changes the world outside this process: `with` it, or `async with` it.

    trouble: what an error at its points looks like.
    """

    file: ClassVar[Path | None] = None

    def __init__(self, name: str, trouble: type[Exception]) -> None:
        self._trouble = trouble
        self.before, self.after = f"{name}.before", f"{name}.after"
        _steps.append(self)

    def __enter__(self) -> None:
        time.sleep(self._strike(self.before))

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            time.sleep(self._strike(self.after))

    async def __aenter__(self) -> None:
        if wait := self._strike(self.before):
            await asyncio.sleep(wait)

    async def __aexit__(self, kind: object, *_: object) -> None:
        if kind is None and (wait := self._strike(self.after)):
            await asyncio.sleep(wait)

    def _strike(self, point: str) -> float:
        """How long to wait here, in s."""
        match _take(self.file, point) if self.file else "":
            case "":
                return 0
            case "delay":
                return DELAY_SECONDS
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
        raise self._trouble(f"a failpoint struck at {point}")


def arm(file: str | None) -> None:
    """From now on the file is looked at whenever a point is passed."""
    Step.file = Path(file) if file else None


def names() -> list[str]:
    """All points of the modules that are imported."""
    return sorted(point for step in _steps for point in (step.before, step.after))


def _take(path: Path, point: str) -> str:
    """What shall happen at a point, nothing as a rule; its line is struck out."""
    if not path.exists() or not path.stat().st_size:
        return ""
    with path.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        lines = file.read().split()
        kind, left = _struck(lines, point)
        if left != lines:  # it is never empty before the last line has struck
            file.seek(0)
            file.write("\n".join(left))
            file.truncate()
    return kind


def _struck(lines: list[str], point: str) -> tuple[str, list[str]]:
    """What the first line of the point asks for, once its count has come down to 1, and the lines that are left."""
    for index, line in enumerate(lines):
        name, kind, count = [*line.split(":"), "1"][:3]
        if name == point:
            if count == "1":
                return kind, lines[:index] + lines[index + 1 :]
            return "", [*lines[:index], f"{name}:{kind}:{int(count) - 1}", *lines[index + 1 :]]
    return "", lines


if __name__ == "__main__":
    for module in ("app", "failpoint"):
        loaded = importlib.import_module(f"darkroom_worker.{module}")
    print("\n".join(loaded.names()))
