"""What a part says of its own body: memory, descriptors, goroutines or asyncio tasks."""

import re
from dataclasses import dataclass

import httpx

from system.stack import Stack

METRICS = {
    "rss": "process_resident_memory_bytes",
    "descriptors": "process_open_fds",
    "goroutines": "go_goroutines",
    "tasks": "darkroom_worker_asyncio_tasks",
}


@dataclass(frozen=True)
class Vitals:
    """One look at one part; `counts` by the names of METRICS that it has."""

    part: str
    counts: dict[str, float]


def look(stack: Stack) -> list[Vitals]:
    """Of every gateway and worker."""
    return [Vitals(part, _read(httpx.get(f"{url}/metrics", timeout=10).text)) for part, url in stack.health().items()]


def start(url: str) -> float:
    """When a process began, in s since 1970."""
    text = httpx.get(f"{url}/metrics", timeout=10).text
    return float(re.search(r"^process_start_time_seconds (\S+)$", text, re.MULTILINE)[1])  # type: ignore[index]


def _read(text: str) -> dict[str, float]:
    found = {}
    for name, metric in METRICS.items():
        match = re.search(rf"^{metric} ([0-9.e+]+)$", text, re.MULTILINE)
        if match:
            found[name] = float(match[1])
    return found


def grown(before: list[Vitals], after: list[Vitals], spare: dict[str, float]) -> list[str]:
    """Which counts are above what they were by more than `spare`; a count without a spare is not compared."""
    start = {one.part: one.counts for one in before}
    return [
        f"{one.part}: {name} {start[one.part][name]:.0f} -> {count:.0f}"
        for one in after
        for name, count in one.counts.items()
        if name in spare and count > start[one.part][name] + spare[name]
    ]
