"""A Darkroom of the benchmarks' own: private folder, private ports, gone afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OFFSET = os.environ.get("PORT_OFFSET", "9000")
STACK = [sys.executable, str(ROOT / "deploy/native/stack.py")]


class Stack:
    """What `deploy/native/stack.py` does, for one environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self.settings = self._settings()

    def _run(self, *words: str) -> str:
        return subprocess.run(
            [*STACK, *words], env=self._environment, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    def pid(self, name: str, command: str) -> int:
        """The process of a part whose command line holds `command`; one that has another such below it is passed over.

        gunicorn's master looks as its worker does, which is the supervisor.
        """
        lines = [line.split(" ", 2) for line in self._run("pids", name).splitlines()]
        found = {int(process) for _, process, line in lines if command in line}
        inner = found - {_parent(process) for process in found}
        if len(inner) != 1:
            raise SystemExit(f"{len(inner)} processes of {name} run {command!r}")
        return inner.pop()

    def _settings(self) -> dict[str, str]:
        """Every key of the stack, as `stack.py env` prints it."""
        shown = subprocess.run(
            ["bash", "-c", f"{self._run('env')}\nenv -0"], check=True, capture_output=True, text=True
        ).stdout
        return dict(line.split("=", 1) for line in shown.split("\0") if "=" in line)


def _parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


@contextmanager
def private_stack(**changes: str) -> Iterator[Stack]:
    """Started, ready and without limits on callers; `changes` are settings."""
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as folder:
        environment = os.environ | {
            "DATA_DIR": folder,
            "PORT_OFFSET": OFFSET,
            "TEST_MODE": "true",
            "GATEWAY_OWNER_RATE": "0",
            "GATEWAY_ADDRESS_RATE": "0",
            "GATEWAY_OWNER_LIMIT": "0",
            "GATEWAY_QUEUE_LIMIT": "10000",
            **changes,
        }
        try:
            subprocess.run([*STACK, "up"], env=environment, check=True, stdout=sys.stderr)
            yield Stack(environment)
        finally:
            subprocess.run([*STACK, "down"], env=environment, check=True, stdout=sys.stderr)
