"""Waits until every process can do its work."""

from __future__ import annotations

import time
import urllib.error
from collections.abc import Iterable
from pathlib import Path

from process import Process
from runner import Runner

# A process that has been started this often while we wait keeps ending.
TRIES = 4


class NotReady(Exception):
    """Something did not come up; the text names it and ends with its log."""


def wait(runner: Runner, processes: Iterable[Process], limit: float) -> None:
    """Returns when all are ready, each reported with its time; raises NotReady after `limit` s or when one keeps ending."""
    started = time.monotonic()
    waiting = list(processes)
    seen: dict[str, set[int]] = {process.name: set() for process in waiting}
    while waiting:
        statuses = runner.statuses()
        for process in list(waiting):
            elapsed = time.monotonic() - started
            trouble = complaint(process)
            status = statuses[process.name]
            seen[process.name].add(status.pid)
            gave_up = status.state == "FATAL" or len(seen[process.name] - {0}) >= TRIES
            if not trouble:
                waiting.remove(process)
                print(f"  ok  {process.name} is ready ({elapsed:.1f} s)", flush=True)
            elif gave_up or elapsed > limit:
                log = runner.logs / f"{process.name}.log"
                raise NotReady(
                    f"{process.name} is not ready after {elapsed:.0f} s: {trouble}\n--- end of {log}\n{tail(log)}"
                )
        if waiting:
            time.sleep(0.2)


def complaint(process: Process) -> str:
    """Why the process is not ready, or an empty text."""
    try:
        process.probe()
    except urllib.error.HTTPError as error:
        return f"it answers {error.code}: {error.read(300).decode(errors='replace').strip()}"
    except (OSError, EOFError) as error:
        return f"no answer yet ({error})"
    return ""


def tail(log: Path, lines: int = 25) -> str:
    """The end of a log, no line longer than 400 characters."""
    if not log.exists():
        return "(no log)"
    return "\n".join(line[:400] for line in log.read_text(errors="replace").splitlines()[-lines:])
