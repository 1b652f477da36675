"""What the engine arranges for itself as a process: to die with its supervisor, to go first when memory ends, to have its GPU alone."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import importlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_BEHIND = 10  # niceness
_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """SIGKILL when the supervisor's thread ends: a closed pipe alone does not stop a busy engine."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        sys.exit(1)


def leave_signals_to_the_supervisor() -> None:
    """A drain finishes the drawing: a signal to the whole process group must not break it off."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def volunteer() -> None:
    """When memory ends, this process goes, not the supervisor that can report it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def import_gently(modules: Sequence[str]) -> None:
    """Imports while others work: in a thread that goes behind them. On Linux a thread has a niceness of its own, and only root gets it back.

    Raises what the import raises.
    """
    with ThreadPoolExecutor(1, "import") as aside:
        for module in modules:
            aside.submit(_import_behind, module).result()


def hold_gpu(lock: int | None, gpu: int) -> None:
    """Takes the GPU's lock on an open file that the supervisor shares with all its engines, until the last of them has ended.

    Raises BlockingIOError when another worker's engine has it, RuntimeError when the supervisor could not open it.
    """
    if lock is None:
        raise RuntimeError(f"the lock of GPU {gpu} cannot be opened in WORKER_LOCK_DIR")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BlockingIOError(
            f"another worker has GPU {gpu}: one worker a GPU, each with its own WORKER_GPU"
        ) from error


def _import_behind(module: str) -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _BEHIND)
    importlib.import_module(module)
