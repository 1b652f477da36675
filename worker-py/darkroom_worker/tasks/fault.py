"""Faults on request, in test mode only: metadata {"fault": "oom@3", "fault_times": "1"} strikes at step 3 of the first attempt.

A file strikes a model while it is loaded: see strike_model.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path

_FORM = re.compile(r"(oom|oom_once|exit|segv|hang|error)@([0-9]{1,4})|(nan|nan_once|black|black_once)")


class BadFault(Exception):
    """The metadata asks for a fault that does not exist."""


class StruckOutOfMemory(Exception):
    """Stands for the device's own out-of-memory error."""


class StruckError(Exception):
    """Stands for an error that may go better next time."""


class Fault:
    """What shall go wrong in one attempt; nothing by default.

    kinds: oom (every try), oom_once (the first try of an attempt), exit, segv, hang (holding the GIL), error, each with @step;
    nan, black (every try), nan_once, black_once.
    """

    def __init__(self, kind: str = "", step: int = 0) -> None:
        self._kind = kind
        self._step = step

    @classmethod
    def asked(cls, metadata: Mapping[str, str], attempt: int) -> Fault:
        """The fault that the metadata asks for, if this attempt is one that it strikes. Raises BadFault."""
        text = metadata.get("fault")
        if text is None:
            return cls()
        match = _FORM.fullmatch(text)
        times = metadata.get("fault_times", "1000")
        if not match or not re.fullmatch("[0-9]{1,4}", times):
            raise BadFault(f"There is no fault={text} with fault_times={times}. Ask for {_FORM.pattern}, and a number.")
        if attempt > int(times):
            return cls()
        return cls(match[1] or match[3], int(match[2] or 0))

    def strike(self, step: int) -> None:
        """Called after each step."""
        if step != self._step:
            return
        match self._kind:
            case "oom":
                raise StruckOutOfMemory
            case "oom_once":
                self._kind = ""
                raise StruckOutOfMemory
            case "error":
                raise StruckError(f"asked for at step {step}")
            case kind:
                _end_here(kind)

    def spoils(self) -> str:
        """nan or black when the picture about to be made shall be spoiled, else nothing."""
        kind = self._kind.removesuffix("_once")
        if kind not in ("nan", "black"):
            return ""
        if self._kind.endswith("_once"):
            self._kind = ""
        return kind


def strike_model(folder: Path, model: str, stage: str) -> None:
    """Called where a model is loaded, checked and warmed up. What goes wrong stands in the file faults/MODEL, say exit@load.

    kinds: exit, segv, hang (holding the GIL), error, wait (until the file is gone); stages: load, check, warm_up.
    """
    path = folder / "faults" / model
    with contextlib.suppress(FileNotFoundError):
        while (asked := path.read_text().strip().split("@"))[-1] == stage:
            if asked[0] == "error":
                raise StruckError(f"asked for in {stage}")
            _end_here(asked[0])
            time.sleep(0.01)


def _end_here(kind: str) -> None:
    match kind:
        case "exit":
            os._exit(3)
        case "segv":
            ctypes.string_at(0)
        case "hang":
            ctypes.PyDLL(None).pause()  # PyDLL keeps the GIL
