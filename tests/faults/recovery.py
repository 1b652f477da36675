"""How long it takes to be well again: `python -m faults.recovery --times 5`, in the folder tests. Median and worst of each, for the table.

Measured from the fault to what a client sees, one fault after the other.
"""

import argparse
import itertools
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from faults import ward
from faults.results import Line, record
from faults.ward import Ward
from system.stack import Stack


@dataclass(frozen=True)
class Measure:
    """`act` answers s; `settings` are those of the stack that it needs."""

    what: str
    act: Callable[[Ward], float]
    promised: str
    settings: dict[str, str] = field(default_factory=dict)


MEASURES = (
    Measure("engine killed → its job draws again", ward.dead_engine, "≤ 3 s"),
    Measure("worker killed with all it has → its job draws again", ward.dead_host, "≤ 50 s"),
    Measure("worker's host falls silent → its job draws elsewhere", ward.silent_host, "≤ 50 s"),
    Measure(f"step hangs (stall limit {ward.STEP_PATIENCE} s) → its job draws again", ward.hung_step, "≤ 35 s"),
    Measure("queue deleted → the jobs that waited in it are done", ward.deleted_queue, "≤ 45 s"),
    Measure("Redis emptied: 2 running (10 s each) and 50 waiting → all done, 50 ended and 5 canceled as before", ward.emptied_redis, "all"),
    Measure("RabbitMQ back after 15 s → nine tenths of the pace before", ward.back("rabbitmq"), "≤ 10 s"),
    Measure("Redis back after 15 s → nine tenths of the pace before", ward.back("redis"), "≤ 10 s"),
    Measure("S3 back after 15 s → nine tenths of the pace before", ward.back("s3"), "≤ 10 s"),
    Measure("all janitors off: deadline → every read says so", ward.without_janitors, "≤ 5 s", {"GATEWAY_JANITOR": "false"}),
)  # fmt: skip


def measured(measure: Measure, stack: Stack, times: int) -> Line:
    """For the table of results."""
    took = []
    for _ in range(times):
        stack.until_ready()
        took.append(measure.act(Ward(stack)))
    line = {"what": measure.what, "median": round(statistics.median(took), 2), "worst": round(max(took), 2)}
    return line | {"times": times, "promised": measure.promised}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="faults.recovery", description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--offset", type=int, default=4500, help="of the stack's ports")
    parser.add_argument("--only", default="", help="a word of what to measure")
    parser.add_argument("--record", action="store_true", help="enter the results into the table of docs/reliability.md")
    options = parser.parse_args(arguments)
    wanted = [measure for measure in MEASURES if options.only in measure.what]
    for settings, measures in itertools.groupby(wanted, lambda measure: measure.settings):
        with tempfile.TemporaryDirectory(prefix="darkroom-recovery-") as folder:
            catalogue = ward.patient_catalogue(Path(folder))
            stack = Stack(Path(folder), options.offset, workers=2, MODELS_FILE=str(catalogue), **settings)
            try:
                stack.up()
                for measure in measures:
                    line = measured(measure, stack, options.times)
                    print(line, flush=True)
                    if options.record:
                        record("recoveries", line)
            finally:
                stack.down()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
