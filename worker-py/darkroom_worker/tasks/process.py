"""What the engine arranges for itself as a process: to die with its supervisor, to go first when memory ends, to have its GPU alone."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import sys
from pathlib import Path
from typing import TextIO

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


def hold_gpu(lock_dir: Path, gpu: int) -> TextIO:
    """Takes the GPU's lock until this process ends, however it ends. Raises BlockingIOError when another engine has it."""
    lock = (lock_dir / f"darkroom-gpu-{gpu}.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise BlockingIOError(
            f"another engine has GPU {gpu}: one worker a GPU, each with its own WORKER_GPU"
        ) from error
    return lock
