"""The device that tasks work on. Asks torch only where a task has brought it."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def choose(asked: str) -> str:
    """cpu or cuda, for auto, cpu or cuda. Raises RuntimeError when a GPU is asked for and none is there."""
    if "torch" not in sys.modules or asked == "cpu":
        return "cpu"
    import torch  # noqa: PLC0415 - loaded already

    if torch.cuda.is_available():
        return "cuda"
    if asked == "cuda":
        raise RuntimeError("WORKER_DEVICE=cuda, and torch sees no GPU")
    return "cpu"


def memory(device: str) -> int:
    """All the memory of the device, in bytes; of a CPU what the machine has, or what this process's group may use of it."""
    if device == "cuda":
        import torch  # noqa: PLC0415 - loaded already

        return int(torch.cuda.get_device_properties(0).total_memory)
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_limits()])


def taken(device: str) -> int:
    """What this process has of the device's memory now, in bytes."""
    if device == "cuda":
        import torch  # noqa: PLC0415 - loaded already

        return int(torch.cuda.memory_reserved())
    # What comes back when this process ends: libraries that its siblings have mapped too do not.
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) << 10


def _limits() -> list[int]:
    """Of the control groups above this process: memory.max (v2) or memory.limit_in_bytes (v1)."""
    found = []
    try:
        groups = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        root, name = ("", "memory.max") if controllers == "" else ("memory", "memory.limit_in_bytes")
        group = Path(path.lstrip("/"))
        for folder in (group, *group.parents):
            try:
                text = (Path("/sys/fs/cgroup") / root / folder / name).read_text().strip()
            except OSError:
                continue
            if text.isdecimal():
                found.append(int(text))
    return found
