"""A task: how pictures of one kind are drawn. One file a task; each meets this protocol."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from PIL.Image import Image

from darkroom_worker.catalog import Model
from darkroom_worker.messages import Job
from darkroom_worker.tasks.fault import Fault

PREVIEW_EVERY_SECONDS = 0.5
PREVIEW_PIXELS = 192  # longer side


class Stopped(Exception):
    """The supervisor asked to leave this job."""


class Refused(Exception):
    """This request can never be drawn; the text says what to change."""

    code = "refused"


class BadOutput(Exception):
    """The picture is not one: not a number, or all black."""

    code = "bad_output"


class OutOfMemory(Exception):
    """It did not fit, not even in the smallest batch."""

    code = "out_of_memory"


class DeviceLost(Exception):
    """The device answers nothing more in this process: only another engine can use it again."""


@dataclass
class Order:
    """One job as the engine sees it, and the way back to whoever waits for it."""

    job: Job
    model: Model
    fault: Fault
    say: Callable[[dict[str, Any], bytes], None]
    stop: threading.Event
    load_ms: int = 0
    decode_ms: int = 0
    _previewed_at: float = field(default_factory=time.monotonic)

    def stage(self, name: str) -> None:
        """loading_model, warming_up, denoising or decoding begins. Raises Stopped."""
        self.say({"say": "stage", "job": self.job.id, "stage": name}, b"")
        self._leave_if_asked()

    def step(self, step: int, steps: int, preview: Callable[[], bytes]) -> None:
        """A step is done; a preview is made at most twice a second. Raises Stopped, and what the fault asks for."""
        self.fault.strike(step)
        self._leave_if_asked()
        picture = b""
        if time.monotonic() - self._previewed_at >= PREVIEW_EVERY_SECONDS:
            picture = preview()
            self._previewed_at = time.monotonic()
        self.say({"say": "step", "job": self.job.id, "step": step, "steps": steps}, picture)

    def _leave_if_asked(self) -> None:
        if self.stop.is_set():
            raise Stopped


class Task(Protocol):
    """Draws jobs of one kind. Raises Stopped, Refused, BadOutput, OutOfMemory or DeviceLost; anything else may go better next time."""

    @property
    def warm(self) -> set[str]:
        """Ids of the models in memory."""

    def draw(self, order: Order) -> list[Image]:
        """The pictures of a job, image i from seed + i, in order."""

    def check(self, model: Model) -> None:
        """Draws something small. Any exception means that this engine must not take work."""
