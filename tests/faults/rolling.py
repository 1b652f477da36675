"""Rolling restarts under load: `python -m faults.rolling --times 20`, in the folder tests. No job fails, and none takes a second attempt."""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from faults.load import Load
from faults.results import Line, record
from system.client import lasting
from system.stack import Stack

SHORT, LONG = lasting(0.5), lasting(8)  # the second outlasts the grace of a drain: it must be given back


def roll(stack: Stack, times: int) -> tuple[Line, list[str]]:
    """Every gateway, then every worker is restarted, so many times. For the table of results, and what is wrong."""
    began = time.monotonic()
    with Load(stack.gateways, 5, SHORT) as short, Load(stack.gateways, 2, LONG) as long:
        for _ in range(times):
            stack.roll("gateway")
            stack.roll("worker")
    seconds = round(time.monotonic() - began)
    jobs = short.ended + long.ended
    wrong = [f"{error!r} ended a caller" for error in short.broken + long.broken]
    wrong += [f"{one.job} {one.status} at attempt {one.attempt}" for one in jobs if one.status != "succeeded"]
    wrong += [f"{one.job} took {one.attempt} attempts" for one in jobs if one.attempt != 1]
    attempts = sum(one.attempt - 1 for one in jobs)
    outcomes = dict(Counter(one.status for one in jobs))
    return {"times": times, "seconds": seconds, "outcomes": outcomes, "attempts": attempts}, wrong


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="faults.rolling", description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--offset", type=int, default=4500, help="of the stack's ports")
    parser.add_argument("--record", action="store_true", help="enter the result into the table of docs/reliability.md")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="darkroom-rolling-") as folder:
        stack = Stack(Path(folder), options.offset)
        try:
            stack.up()
            line, wrong = roll(stack, options.times)
        finally:
            stack.down()
    print(line, *wrong, sep="\n")
    if options.record:
        record("rolls", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
