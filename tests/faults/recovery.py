"""How long it takes to be well again: `python -m faults.recovery --times 5`, in the folder tests. Median and worst of each, for the table.

Measured from the fault to what a client sees. One stack; the faults one after the other.
"""

import argparse
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from faults.results import record
from system.books import Books
from system.broker import Broker
from system.client import Client, lasting
from system.stack import Stack
from system.wait import until

LIMIT = 150


class Ward:
    """A stack whose parts are hurt, and one caller."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.client = Client(stack.gateways)
        self.books, self.broker = Books(stack), Broker(stack.amqp_url)

    def running(self, seconds: float = 60) -> tuple[str, str]:
        """A job that draws for so long, and the part that has it."""
        job = self.client.accepted(**lasting(seconds))
        return job, self.stack.part_of(self.client.running(job)["worker"])

    def until_attempt(self, job: str, attempt: int) -> float:
        """Waits until that attempt makes steps; answers s."""
        began = time.monotonic()

        def goes_on() -> bool:
            seen = self.client.poll(job)
            return bool(
                seen and seen["attempt"] == attempt and seen["status"] == "running" and seen["progress"]["step"]
            )

        until(goes_on, LIMIT, f"attempt {attempt} of {job} makes steps")
        return time.monotonic() - began

    def over(self, *jobs: str) -> None:
        for job in jobs:
            self.client.cancel(job)
        self.stack.until_ready()


def dead_engine(ward: Ward) -> float:
    job, worker = ward.running()
    os.kill(ward.stack.engine(worker).pid, signal.SIGKILL)
    took = ward.until_attempt(job, 2)
    ward.over(job)
    return took


def dead_host(ward: Ward) -> float:
    job, worker = ward.running(90)
    ward.stack.kill(worker)
    took = ward.until_attempt(job, 2)
    ward.over(job)
    return took


def hung_step(ward: Ward) -> float:
    """The engine stands still in a step; the worker kills it past the stall limit of the catalogue, 2 s in the tests."""
    job = ward.client.accepted(steps=20, metadata={"fault": "hang@2", "fault_times": "1", "step_ms": "300"})
    began = time.monotonic()
    until(lambda: (ward.client.poll(job) or {}).get("attempt") == 2, LIMIT, "it is tried again")
    took = time.monotonic() - began
    ward.client.succeeded(job, 60)
    return took


def deleted_queue(ward: Ward) -> float:
    """Until a job that waited in it has ended; nothing else is going on."""
    busy = [ward.running(100)[0] for _ in ward.stack.workers]
    job = ward.client.accepted(model="spare")
    ward.broker.delete("darkroom.jobs.spare")
    for other in busy:
        ward.client.cancel(other)
    began = time.monotonic()
    ward.client.succeeded(job, LIMIT)
    return time.monotonic() - began


def emptied_redis(ward: Ward) -> float:
    """Until ten waiting jobs have ended."""
    busy = [ward.running(100)[0] for _ in ward.stack.workers]
    jobs = [ward.client.accepted() for _ in range(10)]
    ward.books.redis.flushall()
    for other in busy:
        ward.client.cancel(other)
    began = time.monotonic()
    for job in jobs:
        ward.client.succeeded(job, LIMIT)
    return time.monotonic() - began


def back(name: str) -> Callable[[Ward], float]:
    def dependency(ward: Ward) -> float:
        """From its return after 15 s until a new job is taken and has ended."""
        with ward.stack.proxy.away(name):
            time.sleep(15)
        began = time.monotonic()

        def taken() -> str:
            answer = ward.client.submit()
            return str(answer.json()["id"]) if answer.status_code == 202 else ""

        ward.client.succeeded(until(taken, LIMIT, "a job is taken"), LIMIT)
        return time.monotonic() - began

    return dependency


MEASURES: dict[str, tuple[Callable[[Ward], float], str]] = {
    "engine killed → its job draws again": (dead_engine, "≤ 3 s"),
    "worker's host lost → its job draws elsewhere": (dead_host, "≤ 50 s"),
    "step that hangs (stall limit 2 s) → tried again": (hung_step, "≤ 35 s"),
    "queue deleted → its job is done": (deleted_queue, "≤ 45 s"),
    "Redis emptied → ten waiting jobs are done": (emptied_redis, "all"),
    "RabbitMQ back after 15 s → a new job is done": (back("rabbitmq"), "≤ 10 s"),
    "Redis back after 15 s → a new job is done": (back("redis"), "≤ 10 s"),
    "S3 back after 15 s → a new job is done": (back("s3"), "≤ 10 s"),
}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="faults.recovery", description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--offset", type=int, default=4500, help="of the stack's ports")
    parser.add_argument("--only", default="", help="a word of what to measure")
    parser.add_argument("--record", action="store_true", help="enter the results into the table of docs/reliability.md")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="darkroom-recovery-") as folder:
        stack = Stack(Path(folder), options.offset)
        try:
            stack.up()
            for what, (measure, promised) in MEASURES.items():
                if options.only not in what:
                    continue
                took = []
                for _ in range(options.times):
                    stack.until_ready()
                    took.append(measure(Ward(stack)))
                line = {"what": what, "median": round(statistics.median(took), 2), "worst": round(max(took), 2)}
                line |= {"times": options.times, "promised": promised}
                print(line, flush=True)
                if options.record:
                    record("recoveries", line)
        finally:
            stack.down()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
