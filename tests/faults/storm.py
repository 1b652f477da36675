"""Seeded faults under load: `python -m faults.storm --seed 7 --jobs 2000 --faults 100`, in the folder tests.

A private stack with the simulated model; clients that submit, poll, cancel and fetch; faults of every kind, many at once. Then
calm, and the books are read: nothing lost, stuck or doubled, no final answer ever changed, every picture whole, nothing left behind.
The seed decides who asks what and what strikes when; the machine decides the rest, so the same seed makes the same weather, not the
same run. A history that was kept is judged again by `python -m faults.history FILE`.
"""

import argparse
import itertools
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from faults import vitals
from faults.customer import Customer
from faults.failpoints import Failpoints
from faults.history import FINAL, Books, History, complaints
from faults.results import record
from faults.weather import Weather, forecast
from system.books import Books as Ledger
from system.stack import Stack
from system.wait import until

CALM_SECONDS = 240  # for what was under way to end: leases, delay queues, quarantine
HEAL_SECONDS = 90  # for descriptors and tasks of broken connections to go
CLIENTS, OPEN_EACH = 16, 5
# Idle connections come and go: what a storm leaks is more than this.
SPARE = {"descriptors": 40.0, "goroutines": 60.0, "tasks": 10.0}


@dataclass(frozen=True)
class Storm:
    """What is asked for: so many jobs, under so many faults, in not less than so many seconds."""

    seed: int
    jobs: int
    faults: int
    seconds: float


@dataclass
class Report:
    """What a storm did and what came of it."""

    storm: Storm
    took: float
    faults: Counter[str]
    jobs: Counter[str]
    under: int  # jobs that were accepted before the last fault struck
    latency: tuple[float, float]  # s, median and 99th percentile, submit to a final answer
    statuses: Counter[int]
    missed: list[str]  # faults that could not be carried out: what they hit was down already
    wrong: list[str]

    def line(self) -> dict[str, object]:
        """For the table of results."""
        return {
            "seed": self.storm.seed, "seconds": round(self.took), "jobs": self.jobs.total(), "under": self.under, "outcomes": dict(self.jobs),
            "faults": self.faults.total(), "kinds": dict(sorted(self.faults.items())),
            "p50": round(self.latency[0], 1), "p99": round(self.latency[1], 1), "complaints": len(self.wrong),
        }  # fmt: skip

    def __str__(self) -> str:
        def told(counts: Counter[str]) -> str:
            return (
                ", ".join(f"{word} {count}" for word, count in sorted(counts.items())) + f" (in all {counts.total()})"
            )

        lines = [
            f"seed       {self.storm.seed}, {self.took:.0f} s",
            f"faults     {told(self.faults)}",
            f"jobs       {told(self.jobs)}, {self.under} of them accepted while faults struck",
            "answers    " + ", ".join(f"{status or 'none'} {count}" for status, count in sorted(self.statuses.items())),
            f"latency    p50 {self.latency[0]:.1f} s, p99 {self.latency[1]:.1f} s",
            f"complaints {len(self.wrong)}",
        ]
        missed = [f"missed     {line}" for line in self.missed]
        return "\n".join(lines + [f"  {line}" for line in self.wrong[:50]] + missed)


def brew(stack: Stack, storm: Storm, keep: Path | None = None, sweep: bool = False) -> Report:
    """Runs one on a stack that is up and well. With `sweep` it also waits until no orphaned picture is left."""
    history, failpoints, over = History(), Failpoints(stack), threading.Event()
    failpoints.disarm()
    before = vitals.look(stack)
    customers = crowd(stack, history, storm)
    threads = [threading.Thread(target=customer.run, args=(over,)) for customer in customers]
    for thread in threads:
        thread.start()
    weather = Weather(stack, failpoints, lambda fault: history.struck(fault.kind, str(fault)), history.pending)
    weather.run(forecast(storm.seed, storm.seconds, storm.faults, stack, failpoints))
    enough = until_enough(history, storm.jobs)
    over.set()
    stack.until_ready()
    for thread in threads:
        thread.join()
    books = Books()
    try:
        wrong = enough + judge(stack, customers, history, books) + healed(stack, before)
        wrong += orphans(Ledger(stack), list(books.final)) if sweep else []
    finally:
        if keep:
            history.write(keep, books)
    return Report(
        storm,
        history.now(),
        Counter(fault["fault"] for fault in history.faults),
        Counter(books.final.values()),
        history.accepted_under_faults(),
        latencies(history),
        Counter(line.status for line in history.told),
        weather.failed,
        wrong,
    )


def crowd(stack: Stack, history: History, storm: Storm) -> list[Customer]:
    """Customers who have a cookie each and know of each other. They stop ordering a little above what is asked for."""
    orders = itertools.count()
    most = storm.jobs + CLIENTS * OPEN_EACH

    def wanted() -> bool:
        return next(orders) < most

    made = [Customer(number, stack.gateways, history, storm.seed, OPEN_EACH, wanted) for number in range(CLIENTS)]
    for customer in made:
        customer.arrive()
        customer.others = [other for other in made if other is not customer]
    return made


def until_enough(history: History, jobs: int) -> list[str]:
    """Waits until so many jobs were accepted; the weather is fine by now."""
    try:
        until(lambda: len(history.accepted()) >= jobs, jobs / 4 + 60, f"{jobs} jobs are accepted", pause=0.5)
    except AssertionError as error:
        return [str(error)]
    return []


def judge(stack: Stack, customers: list[Customer], history: History, books: Books) -> list[str]:
    """Reads the books once everything is calm, and answers all complaints."""
    ledger = Ledger(stack)
    wrong = [f"stuck for its client: {job}" for customer in customers for job in customer.stuck]
    try:
        until(lambda: not ledger.live(), CALM_SECONDS, "every job has ended", pause=0.5)
    except AssertionError as error:
        wrong.append(str(error))
    with ThreadPoolExecutor(len(customers)) as pool:
        wrong += itertools.chain.from_iterable(pool.map(lambda customer: customer.audit(books), customers))
    if ledger.unaccounted():
        wrong.append(f"unaccounted: {ledger.unaccounted()}")
    return wrong + complaints(history, books)


def healed(stack: Stack, before: list[vitals.Vitals]) -> list[str]:
    """Which parts hold more than before the storm, and go on holding it."""
    try:
        until(lambda: not vitals.grown(before, vitals.look(stack), SPARE), HEAL_SECONDS, "nothing has leaked", pause=1)
    except AssertionError:
        return [f"leaked: {line}" for line in vitals.grown(before, vitals.look(stack), SPARE)]
    return []


def orphans(ledger: Ledger, jobs: list[str]) -> list[str]:
    """Jobs with pictures that no verdict names, once the sweep has been round."""
    left = set(jobs)
    end = time.monotonic() + len(jobs) / 10 + 120
    while left and time.monotonic() < end:
        left = {job for job in left if len(ledger.prefixes(job)) > 1}
        time.sleep(1)
    return [f"orphaned pictures of {job}: {ledger.objects(job)}" for job in left]


def latencies(history: History) -> tuple[float, float]:
    first: dict[str, float] = {}
    took: dict[str, float] = {}
    for line in history.told:
        if line.act == "submit" and line.status in (200, 202):
            first.setdefault(line.job, line.at)
        elif line.state in FINAL and line.job in first:
            took.setdefault(line.job, line.at - first[line.job])
    ordered = sorted(took.values()) or [0.0]
    return ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="faults.storm", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=0, help="of faults; 0: one and a half faults a second")
    parser.add_argument("--offset", type=int, default=4500, help="of the stack's ports")
    parser.add_argument("--keep", type=Path, help="folder for the stack's data and logs and for the history")
    parser.add_argument("--record", action="store_true", help="enter the result into the table of docs/reliability.md")
    options = parser.parse_args(arguments)
    storm = Storm(options.seed, options.jobs, options.faults, options.minutes * 60 or options.faults / 1.5)
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="darkroom-storm-") as folder:
        stack = Stack(options.keep or Path(folder), options.offset)
        try:
            stack.up()
            report = brew(stack, storm, (options.keep or Path(folder)) / "history.jsonl", sweep=True)
        finally:
            stack.down()
    print(report)
    if options.record:
        record("storms", report.line())
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
