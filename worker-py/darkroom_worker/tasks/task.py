"""A task: how pictures of one kind are drawn. One file a task, with `create(model, setup)`; what it answers meets `Task`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from PIL.Image import Image

from darkroom_worker.messages import Job
from darkroom_worker.tasks.fault import Fault

PREVIEW_EVERY_SECONDS = 0.5
PREVIEW_PIXELS = 192  # longer side


class Unloadable(Exception):
    """The model cannot be brought into memory. code: engine_error or out_of_memory; the text says what is wrong."""

    def __init__(self, message: str, code: str = "engine_error") -> None:
        super().__init__(message)
        self.code = code


class Unfit(Exception):
    """The model is in memory and draws something else than it should; the text says what."""


class Stopped(Exception):
    """Nobody waits for this drawing any more."""


class Refused(Exception):
    """This request can never be drawn; the text says what to change."""

    code = "refused"
    transient = False


class BadOutput(Exception):
    """The picture is not one: not a number, or all black."""

    code = "bad_output"
    transient = False


class OutOfMemory(Exception):
    """It did not fit, not even in the smallest batch; the text says what to change."""

    code = "out_of_memory"
    transient = True


class DeviceLost(Exception):
    """The device answers nothing more in this process: only another engine can use it again."""


@dataclass(frozen=True)
class Setup:
    """Where a task works. device: cpu or cuda. cache_dir: kept from one start to the next, may be empty or absent."""

    device: str
    cache_dir: Path
    previews: bool = True
    test_mode: bool = False


@dataclass(eq=False)
class Order:
    """One job as the engine sees it, and the way back to whoever waits for it. Several may be drawn as one batch.

    It ends by itself, while the others of its batch go on: when its waiter leaves, or when it failed. Nothing is said of it after that.
    """

    job: Job
    fault: Fault
    say: Callable[[dict[str, Any], bytes], None]
    number: int = 0  # names it on the pipe: a job may come again before its last order has ended
    previews: bool = True
    image: bytes = b""  # the input image's file, empty where there is none
    stop: threading.Event = field(default_factory=threading.Event)
    warnings: list[str] = field(default_factory=list)
    batch: int = 1  # rows that were denoised together, the most of them
    decode_ms: int = 0
    encode_ms: int = 0
    ended: bool = False  # stopped or failed, and told so
    _previewed_at: float = field(default_factory=time.monotonic)

    @property
    def live(self) -> bool:
        """Whether it is still to be drawn. The first look after the waiter has left tells so."""
        if not self.ended and self.stop.is_set():
            self.ended = True
            self.tell("stopped")
        return not self.ended

    def stage(self, name: str) -> None:
        """warming_up, denoising or decoding begins."""
        if self.live:
            self.tell("stage", stage=name)

    def step(self, step: int, steps: int, preview: Callable[[], bytes]) -> None:
        """A step is done. A preview is made at most twice a second; empty is none. Raises what the fault asks for."""
        if not self.live:
            return
        self.fault.strike(step)
        picture, took_ms = b"", 0.0
        if self.previews and (began := time.monotonic()) - self._previewed_at >= PREVIEW_EVERY_SECONDS:
            picture = preview()
            self._previewed_at = time.monotonic()
            took_ms = (self._previewed_at - began) * 1000
        self.tell("step", picture, step=step, steps=steps, preview_ms=took_ms)

    def fail(self, error: Exception) -> None:
        """Ends it with this error; one without a code is the engine's own, and may go better next time."""
        if not self.live:
            return
        self.ended = True
        code: str = getattr(error, "code", "engine_error")
        transient: bool = getattr(error, "transient", True)
        message = str(error)
        if code == "engine_error":
            message = f"The engine failed ({type(error).__name__}: {message[:500]}). Try again."
        self.tell("error", code=code, message=message, transient=transient)

    def tell(self, word: str, blob: bytes = b"", **more: Any) -> None:
        self.say({"say": word, "number": self.number, **more}, blob)


class Task(Protocol):
    """One model, and how it draws. Called from one thread, in this order: load, check, warm_up, then draw and rest."""

    @property
    def size(self) -> int:
        """Bytes of the device's memory that the loaded model takes."""

    def load(self) -> None:
        """Brings the model into memory. Raises Unloadable; so does any other error, with less to say."""

    def check(self) -> None:
        """Draws something small, and compares where a picture is recorded. Raises Unfit; any other error means the same."""

    def warm_up(self) -> dict[str, int]:
        """Draws the usual sizes once. Answers how many rows pay together, by "WIDTHxHEIGHT"."""

    def draw(self, orders: Sequence[Order]) -> Iterator[tuple[Order, Image]]:
        """Draws orders of one size, number of steps and scheduler as one batch, or as few as memory allows.

        Each picture is handed out as soon as it is decoded, those of an order in turn: image i from seed + i. An order that is not
        live is left out from the next step on. What goes wrong with one order ends it by `fail`; what is raised ends all that live.
        Raises Refused, BadOutput, OutOfMemory, Stopped when no order is live, DeviceLost; anything else may go better next time.
        """

    def rest(self) -> None:
        """Another engine draws next: gives back the memory that only drawing needs."""
