"""What others take of this machine's CPU while something is measured: a busy neighbour falsifies ratios too."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


class Neighbours:
    """All that the machine's cores did, less what this process, its descendants and these stacks did.

    A process that yields by its niceness or scheduling class does not count. Another machine on the same processor is seen as
    far as the kernel tells of stolen time; the A/A arm watches for the rest.
    """

    def __init__(self, folders: Collection[str]) -> None:
        self._tags = {f"DARKROOM_STACK={folder}".encode() for folder in folders}
        self.restart()

    def restart(self) -> None:
        self._began, self._before, self._forgiven = time.monotonic(), _busy(), self._ours_and_yielding()

    def cores(self) -> float:
        """Cores that they kept busy since the last start, on average."""
        now = self._ours_and_yielding()
        forgiven = sum(seconds - self._forgiven.get(pid, 0) for pid, seconds in now.items())
        return max(0.0, (_busy() - self._before - forgiven) / (time.monotonic() - self._began))

    def _ours_and_yielding(self) -> dict[int, float]:
        """CPU time by process, in s."""
        stats = {int(path.name): stat for path in Path("/proc").glob("[0-9]*") if (stat := _stat(path))}
        ours = {os.getpid()}
        for pid in sorted(stats, key=lambda pid: stats[pid][2]):  # parents before their children
            if stats[pid][0] in ours or self._tags & set(_environment(pid)):
                ours.add(pid)
        return {pid: stat[1] for pid, stat in stats.items() if pid in ours or _yields(pid)}


def _busy() -> float:
    """CPU time of the whole machine that was neither idle nor waiting for a disk, in s."""
    user, nice, system, _, _, irq, softirq, steal, *_ = map(
        int, Path("/proc/stat").read_text().split("\n")[0].split()[1:]
    )
    return (user + nice + system + irq + softirq + steal) / TICK


def _stat(process: Path) -> tuple[int, float, int] | None:
    """Parent, CPU time in s, and when it began; None when it has ended."""
    try:
        fields = (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[1]), (int(fields[11]) + int(fields[12])) / TICK, int(fields[19])


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _yields(pid: int) -> bool:
    try:
        return os.sched_getscheduler(pid) == os.SCHED_IDLE or os.getpriority(os.PRIO_PROCESS, pid) > 0
    except OSError:
        return False  # it has just ended
