"""Processes of a stack, found by the tag in their environment: also those that their parent no longer knows."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from settings import Settings, data_dir

# Every process of a stack carries this in its environment: so that nothing of it can hide from `down`.
TAG = "DARKROOM_STACK"

# Seconds that a leftover gets to end by itself.
GRACE = 5.0


def end(settings: Settings) -> list[str]:
    """Ends whatever still carries this stack's tag; gives one line for each that was found."""
    lines = []
    for number in (signal.SIGTERM, signal.SIGKILL):
        found = tagged(data_dir(settings))
        for pid in found:
            lines.append(f"{number.name} to a leftover: {pid} {command(pid)}")
            os.kill(pid, number)
        deadline = time.monotonic() + GRACE
        while tagged(data_dir(settings)) and time.monotonic() < deadline:
            time.sleep(0.1)
    return lines


def descendants(pid: int) -> list[int]:
    """Children, their children and so on, parents first."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, _read(task).split()):
            found += [child, *descendants(child)]
    return found


def command(pid: int) -> str:
    """The command line, shortened; empty when the process has ended, reaped or not."""
    return _read(Path(f"/proc/{pid}/cmdline")).replace("\0", " ").strip()[:160]


def memory(pid: int) -> int:
    """Resident bytes of one process."""
    fields = _read(Path(f"/proc/{pid}/statm")).split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if fields else 0


def tagged(folder: Path) -> list[int]:
    """Every process that belongs to the stack of this data folder."""
    tag = f"{TAG}={folder}"
    return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/environ") if tag in _read(path).split("\0")]


def _read(path: Path) -> str:
    """Empty when the process is gone or another user's."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
