"""Points in gateway and worker at which they end, fail or wait on demand, as the code itself lists them."""

import fcntl
import subprocess
from functools import cache
from pathlib import Path

from system.stack import ROOT, Stack

KINDS = ("kill", "error", "delay")
HALVES = ("gateway", "worker")


@cache
def points(half: str, gateway: Path) -> tuple[str, ...]:
    """Names of all points of a half; `gateway` is the program of the stack, built with the tag failpoints."""
    command = {"gateway": [str(gateway), "failpoints"], "worker": ["python", "-m", "darkroom_worker.failpoint"]}[half]
    if half == "worker":
        command[0] = str(ROOT / ".venv" / "worker-simulated" / "bin" / "python")
    done = subprocess.run(command, cwd=ROOT / "worker-py", stdout=subprocess.PIPE, text=True, check=True)
    return tuple(done.stdout.split())


class Failpoints:
    """The two files that a stack's processes look at."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._files = {half: Path(stack.environment[f"{half.upper()}_FAIL_AT"]) for half in HALVES}

    def of(self, half: str) -> tuple[str, ...]:
        return points(half, self._stack.folder / "bin" / "darkroom-gateway")

    def arm(self, half: str, *lines: str) -> None:
        """Adds lines point:kind or point:kind:n; each strikes once."""
        with self._files[half].open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write("".join(f"\n{line}" for line in lines))

    def waiting(self, half: str) -> list[str]:
        """Lines that have not struck yet."""
        with self._files[half].open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            return file.read().split()

    def disarm(self) -> None:
        for file in self._files.values():
            file.write_text("")
