"""The suites of `make test`, side by side: `lanes.py "0 test-system test-browser" "5 lint test-go" ...`.

Each argument is a lane: its niceness, then make targets that run one after the other. Lanes run at the same time: one that mostly
waits beside one that computes, and the lowest niceness to the one that clocks watch most. A suite's output is printed whole when it
ends, that of a failed one last of all. Exit status 0: every suite passed. Ctrl-C ends them all.
"""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / ".darkroom" / "tests"
GRACE_SECONDS = 60  # for a suite that is told to end: its stack goes down


@dataclass(frozen=True)
class Outcome:
    suite: str
    status: int
    seconds: float

    def __str__(self) -> str:
        verdict = f"FAILED ({self.status})" if self.status else "passed"
        return f"{self.suite:14} {verdict:12} {self.seconds:6.0f} s"

    def show(self) -> None:
        say(f"\n=== {self}\n{log(self.suite).read_text(errors='replace')}")


def say(text: str) -> None:
    print(text, flush=True)


def log(suite: str) -> Path:
    return LOGS / f"{suite}.log"


async def run(suite: str, niceness: str) -> Outcome:
    say(f"=== {suite} begins; its output grows in {log(suite).relative_to(ROOT)}")
    began = monotonic()
    with log(suite).open("wb") as output:
        command = ["nice", "-n", niceness, "make", suite, "READY=1"]
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, stdin=DEVNULL, stdout=output, stderr=output, process_group=0
        )
        try:
            status = await process.wait()
        except asyncio.CancelledError:
            await end(process)
            raise
    return Outcome(suite, status, monotonic() - began)


async def end(process: Process) -> None:
    """As Ctrl-C would in its own terminal; by force if it will not."""
    os.killpg(process.pid, signal.SIGINT)
    try:
        await asyncio.wait_for(process.wait(), GRACE_SECONDS)
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)


async def follow(lane: str) -> list[Outcome]:
    """One suite after the other, whether the one before failed or not."""
    niceness, *suites = lane.split()
    outcomes = []
    for suite in suites:
        outcomes.append(outcome := await run(suite, niceness))
        if outcome.status:
            say(f"\n=== {outcome}; its output comes last")
        else:
            outcome.show()
    return outcomes


async def main(lanes: list[str]) -> int:
    this = asyncio.current_task()
    assert this
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, this.cancel)
    LOGS.mkdir(parents=True, exist_ok=True)
    began = monotonic()
    async with asyncio.TaskGroup() as group:
        followed = [group.create_task(follow(lane)) for lane in lanes]
    outcomes = [outcome for lane in followed for outcome in lane.result()]
    failed = [outcome for outcome in outcomes if outcome.status]
    say("\n" + "\n".join(f"=== {outcome}" for outcome in outcomes))
    for outcome in failed:
        outcome.show()
    say(f"\n=== {len(failed) or 'none'} of {len(outcomes)} suites failed, {monotonic() - began:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main(sys.argv[1:])))
    except asyncio.CancelledError:
        sys.exit("=== ended before all suites had run")
