"""One step of setting up: says what it does, shows that it lives, and on failure shows the end of what it printed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

# Seconds between two signs of life of a long step.
HEARTBEAT = 10.0


class StepFailed(Exception):
    """A step did not end well; the text holds the end of its output."""


def skipped(text: str) -> None:
    print(f"  ok  {text}", flush=True)


def say(text: str) -> None:
    print(f"  ->  {text}", flush=True)


def run(
    title: str, command: Sequence[str], environment: Mapping[str, str] | None = None, directory: Path | None = None
) -> None:
    """Runs a command quietly, with the last line of its output every ten seconds.

    Raises StepFailed if it exits with anything but 0 or cannot be started.
    """
    say(title)
    started = time.monotonic()
    with tempfile.NamedTemporaryFile("w+", prefix="darkroom-step-") as output:
        try:
            child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=directory)
        except FileNotFoundError as error:
            raise StepFailed(f"{title}: {command[0]} is not installed") from error
        while True:
            try:
                code = child.wait(HEARTBEAT)
                break
            except subprocess.TimeoutExpired:
                print(f"      {time.monotonic() - started:4.0f} s  {_tail(Path(output.name), 1)[:120]}", flush=True)
        if code != 0:
            raise StepFailed(f"{title}: exit status {code}\n{_tail(Path(output.name), 30)}")
    print(f"      done in {time.monotonic() - started:.0f} s", flush=True)


def digest(inputs: Iterable[Path | str]) -> str:
    """A hash over texts and the contents of files: what a stamp remembers."""
    total = hashlib.sha256()
    for item in inputs:
        total.update(item.encode() if isinstance(item, str) else item.read_bytes())
        total.update(b"\0")
    return total.hexdigest()


def is_fresh(stamp: Path, key: str) -> bool:
    return stamp.is_file() and stamp.read_text() == key


def write_stamp(stamp: Path, key: str) -> None:
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(key)


def fail(text: str) -> int:
    """Prints one complaint for the operator and gives the exit status to leave with."""
    print(f"darkroom: {text}", file=sys.stderr, flush=True)
    return 1


def _tail(path: Path, lines: int) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
