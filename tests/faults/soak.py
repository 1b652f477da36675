"""Hours of steady load with mild faults: `python -m faults.soak --minutes 240`, in the folder tests.

Nothing grows: after some minutes for warming up, the median of each count in the first quarter of the rest is held against that in the
last quarter, for every gateway and worker.
"""

import argparse
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from faults import vitals
from faults.failpoints import Failpoints
from faults.load import Load
from faults.results import Line, record
from faults.vitals import METRICS, Vitals
from faults.weather import Weather, forecast
from system.client import lasting
from system.stack import Stack

# Nothing that ends a process whose vitals are taken: a new one starts from nothing.
MILD = ("cut", "slow", "reset", "forget scripts", "kick clients", "pause", "kill engine")
FAULTS_PER_MINUTE = 4
CALLERS, DRAWS_SECONDS = 4, 0.3
LOOK_SECONDS = 5
WARM_UP_SECONDS = 480  # or half of the time
MOST_RSS = 0.02  # of growth
# Counts are medians of many looks: what is more than this is no connection that comes and goes.
MOST = {"descriptors": 3, "goroutines": 5, "tasks": 2}

Series = list[list[Vitals]]


def soak(stack: Stack, seed: int, minutes: float) -> tuple[Line, list[str]]:
    """For the table of results, and what is wrong."""
    seconds = minutes * 60
    struck: list[str] = []
    failpoints = Failpoints(stack)
    faults = forecast(seed, seconds - 10, round(minutes * FAULTS_PER_MINUTE), stack, failpoints, MILD)
    weather = Weather(stack, failpoints, lambda fault: struck.append(fault.kind))
    with Load(stack.gateways, CALLERS, lasting(DRAWS_SECONDS)) as load:
        thread = threading.Thread(target=weather.run, args=(faults,))
        thread.start()
        series = watched(stack, seconds)
        thread.join()
    outcomes = Counter(one.status for one in load.ended)
    growth = {name: grown(series, name) for name in METRICS}
    wrong = [f"{error!r} ended a caller" for error in load.broken] + too_much(growth)
    wrong += [f"{count} jobs {status}" for status, count in outcomes.items() if status != "succeeded"]
    line = {"minutes": round(minutes), "seed": seed, "faults": len(struck), "outcomes": dict(outcomes)}
    return line | {name: worst(name, of) for name, of in growth.items()}, wrong


def watched(stack: Stack, seconds: float) -> Series:
    """A look at all parts again and again."""
    series: Series = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        series.append(vitals.look(stack))
        time.sleep(LOOK_SECONDS)
    return series


def grown(series: Series, name: str) -> dict[str, tuple[float, float]]:
    """Medians at the beginning and at the end, by part that has such a count."""
    calm = series[min(WARM_UP_SECONDS // LOOK_SECONDS, len(series) // 2) :]
    quarter = max(1, len(calm) // 4)

    def medians(looks: Series) -> dict[str, float]:
        parts: dict[str, list[float]] = {}
        for one in (one for look in looks for one in look if name in one.counts):
            parts.setdefault(one.part, []).append(one.counts[name])
        return {part: statistics.median(counts) for part, counts in parts.items()}

    first, last = medians(calm[:quarter]), medians(calm[-quarter:])
    return {part: (first[part], last[part]) for part in first}


def too_much(growth: dict[str, dict[str, tuple[float, float]]]) -> list[str]:
    """One sentence for each count that grew more than it may."""
    most: Callable[[str, float], float] = lambda name, first: first * MOST_RSS if name == "rss" else MOST[name]  # noqa: E731
    return [
        f"{part}: {name} {first:.0f} -> {last:.0f}"
        for name, parts in growth.items()
        for part, (first, last) in parts.items()
        if last - first >= most(name, first)
    ]


def worst(name: str, parts: dict[str, tuple[float, float]]) -> str:
    """The part that grew most, in words."""
    part, (first, last) = max(parts.items(), key=lambda item: item[1][1] / item[1][0])
    if name == "rss":
        return f"{part}: {first / 2**20:.1f} → {last / 2**20:.1f} MiB ({last / first - 1:+.1%})"
    return f"{part}: {first:g} → {last:g}"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=240)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--offset", type=int, default=4500, help="of the stack's ports")
    parser.add_argument("--record", action="store_true", help="enter the result into the table of docs/reliability.md")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="darkroom-soak-") as folder:
        stack = Stack(Path(folder), options.offset)
        try:
            stack.up()
            line, wrong = soak(stack, options.seed, options.minutes)
        finally:
            stack.down()
    print(line, *wrong, sep="\n")
    if options.record:
        record("soaks", line | {"complaints": len(wrong)})
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
