"""Random kills under load: `python -m faults.storm --seed 7 --seconds 180`, in the folder tests.

A private stack with the simulated model; clients that submit, poll, cancel and fetch; every few seconds SIGKILL to any part. Then
calm, and the books are read: nothing lost, stuck or doubled, no final answer ever changed, every picture whole. The seed decides
who asks what and what is killed when; the machine decides the rest, so the same seed makes the same weather, not the same run.
"""

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from faults.customer import Customer
from faults.history import History, complaints
from system.books import Books
from system.stack import Stack
from system.wait import until

CALM_SECONDS = 180  # for what was under way to end: leases, delay queues, quarantine


@dataclass
class Report:
    """What a storm did and what came of it."""

    seed: int
    seconds: float
    kills: Counter[str]
    jobs: Counter[str]
    latency: tuple[float, float]  # s, median and 99th percentile, submit to a final answer
    statuses: Counter[int]
    wrong: list[str]

    def __str__(self) -> str:
        lines = [
            f"seed {self.seed}, {self.seconds:.0f} s of storm",
            "kills      "
            + ", ".join(f"{part} {count}" for part, count in sorted(self.kills.items()))
            + f" (in all {self.kills.total()})",
            "jobs       "
            + ", ".join(f"{state} {count}" for state, count in sorted(self.jobs.items()))
            + f" (in all {self.jobs.total()})",
            "answers    " + ", ".join(f"{status or 'none'} {count}" for status, count in sorted(self.statuses.items())),
            f"latency    p50 {self.latency[0]:.1f} s, p99 {self.latency[1]:.1f} s",
            f"complaints {len(self.wrong)}",
        ]
        return "\n".join(lines + [f"  {line}" for line in self.wrong[:50]])


def targets(stack: Stack) -> list[tuple[str, str]]:
    """(kind, part): what can be killed."""
    gateways = [("gateway", f"gateway-{index}") for index in range(len(stack.gateways))]
    workers = [(kind, worker) for worker in stack.workers for kind in ("worker", "master", "supervisor", "engine")]
    return [*gateways, *workers, ("rabbitmq", "rabbitmq"), ("redis", "redis")]


def kill(stack: Stack, kind: str, part: str) -> bool:
    """A worker with all it has, or one of its processes. False when that was not running just then."""
    if kind not in ("master", "supervisor", "engine"):
        stack.kill(part)
        return True
    parts = stack.parts(part)
    engines = [one for one in parts if "darkroom_worker.tasks" in one.command]
    unit = [one for one in parts if one not in engines]  # gunicorn's master and the supervisor under it
    found = {"master": unit[:1], "supervisor": unit[1:2], "engine": engines[:1]}[kind]
    for one in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one.pid, signal.SIGKILL)
    return bool(found)


def storm(stack: Stack, seed: int, seconds: float, clients: int, every: float) -> tuple[Report, History]:
    """Runs one on a stack that is up and well."""
    chance, history, over = random.Random(seed), History(), threading.Event()
    customers = [Customer(number, stack.gateways, history, seed) for number in range(clients)]
    threads = [threading.Thread(target=customer.run, args=(over,)) for customer in customers]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    while time.monotonic() + every < end:
        time.sleep(every * chance.uniform(0.8, 1.2))
        kind, part = chance.choice(targets(stack))
        if kill(stack, kind, part):
            history.killed(f"{kind} {part}")
    over.set()
    stack.until_ready()
    for thread in threads:
        thread.join()
    return judge(stack, seed, seconds, customers, history), history


def judge(stack: Stack, seed: int, seconds: float, customers: list[Customer], history: History) -> Report:
    """Reads the books once everything is calm."""
    books = Books(stack)
    wrong = [f"stuck for its client: {job}" for customer in customers for job in customer.stuck]
    try:
        until(lambda: not books.live(), CALM_SECONDS, "every job has ended", pause=0.5)
    except AssertionError as error:
        wrong.append(str(error))
    listed: dict[str, list[str]] = defaultdict(list)
    final: dict[str, str] = {}
    for customer in customers:
        for job in customer.jobs():
            listed[job["metadata"]["key"]].append(job["id"])
            final[job["id"]], troubles = customer.audit(job["id"])
            wrong += troubles
    if books.unaccounted():
        wrong.append(f"unaccounted: {books.unaccounted()}")
    wrong += complaints(history, listed, final)
    kills = Counter(part.split()[0] for _, part in history.kills)
    return Report(
        seed,
        seconds,
        kills,
        Counter(final.values()),
        latencies(history),
        Counter(line.status for line in history.told),
        wrong,
    )


def latencies(history: History) -> tuple[float, float]:
    first: dict[str, float] = {}
    took: dict[str, float] = {}
    for line in history.told:
        if line.act == "submit" and line.status in (200, 202):
            first.setdefault(line.job, line.at)
        elif line.state in ("succeeded", "failed", "canceled") and line.job in first:
            took.setdefault(line.job, line.at - first[line.job])
    ordered = sorted(took.values()) or [0.0]
    return ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="faults.storm", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--every", type=float, default=5, help="seconds between two kills")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--offset", type=int, default=4500, help="of the stack's ports")
    parser.add_argument("--keep", type=Path, help="folder for the stack's data and logs and for the history")
    options = parser.parse_args(arguments)
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="darkroom-storm-") as folder:
        stack = Stack(options.keep or Path(folder), options.offset)
        try:
            stack.up()
            report, history = storm(stack, options.seed, options.seconds, options.clients, options.every)
        finally:
            stack.down()
        if options.keep:
            history.write(options.keep / "history.jsonl")
    print(report)
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
