"""A worker as it really runs: gunicorn, its supervisor, its engine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.house import House, wait_until

ROOT = Path(__file__).resolve().parents[1]


class Worker:
    """One unit and the processes it is made of."""

    def __init__(self, house: House, folder: Path, name: str, **environ: str) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.port = _free_port()
        command = [
            sys.executable, "-m", "gunicorn", "-c", "python:darkroom_worker.serving", "-b", f"127.0.0.1:{self.port}",
        ]  # fmt: skip
        given = {
            **os.environ,
            **house.environ,
            "WORKER_NAME": name,
            "WORKER_LOCK_DIR": str(folder),
            "WORKER_CACHE_DIR": str(folder / "cache"),
            **environ,
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=given, stdout=log, stderr=log)

    @property
    def supervisor(self) -> int:
        return children(self.process.pid)[0]

    @property
    def engine(self) -> int:
        """The process that draws: older than the spare beside it."""
        return children(self.supervisor)[0]

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=5)

    def reasons(self) -> dict[str, Any] | None:
        """Why it is not ready; empty when it is, None when nobody answers."""
        try:
            reasons: dict[str, Any] = self.get("/readyz").json()["reasons"]
        except httpx.TransportError:
            return None
        return reasons

    def ready(self, seconds: float = 90) -> None:
        wait_until(lambda: self.reasons() == {}, seconds, lambda: f"{self.reasons()} {self.log.read_text()[-2000:]}")

    def stop(self, seconds: float = 60) -> None:
        """SIGTERM, and then it must be gone with everything it started."""
        family = [self.process.pid, *children(self.process.pid)]
        family += [pid for parent in family[1:] for pid in children(parent)]
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(seconds)
        wait_until(lambda: not any(map(alive, family)), 10)

    def kill(self) -> None:
        """As a host that is lost: nothing is said, nothing is finished."""
        for pid in (self.process.pid, *children(self.process.pid)):
            os.kill(pid, signal.SIGKILL)
        self.process.wait(10)


@contextmanager
def worker(house: House, folder: Path, name: str = "w0", **environ: str) -> Iterator[Worker]:
    """A worker that takes work, stopped at the end."""
    unit = Worker(house, folder, name, **environ)
    try:
        unit.ready()
        yield unit
    finally:
        if unit.process.poll() is None:
            unit.stop()


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def resident_mib(pid: int) -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
