"""`make status`: the stack as a table."""

from __future__ import annotations

import leftovers
from process import Process
from ready import complaint
from runner import Runner


def show(runner: Runner, processes: list[Process]) -> bool:
    """Prints one line a process; says whether all of them run and are ready."""
    statuses = runner.statuses()
    rows = [("process", "state", "pid", "up", "memory", "ports", "")]
    all_ready = True
    for process in processes:
        status = statuses.get(process.name)
        ports = " ".join(map(str, process.ports.values()))
        if status is None or not status.pid:
            all_ready = False
            rows.append(
                (
                    process.name,
                    status.state.lower() if status else "not started",
                    "",
                    "",
                    "",
                    ports,
                    status.note if status else "",
                )
            )
            continue
        trouble = complaint(process)
        all_ready = all_ready and not trouble
        resident = sum(map(leftovers.memory, (status.pid, *leftovers.descendants(status.pid))))
        state = "waiting" if trouble else "ready"
        rows.append(
            (
                process.name,
                state,
                str(status.pid),
                _duration(status.seconds),
                f"{resident / 1e6:.0f} MB",
                ports,
                trouble,
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for row in rows:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip())
    return all_ready


def _duration(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
