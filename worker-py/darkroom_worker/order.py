"""What an engine is asked to draw, what it gives, and how that can fail."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class EngineDied(Exception):
    """The process is gone, whatever it was doing; the text says how it ended.

    blameless: another batch was at work when it ended, or the one that stalled; this one was only being encoded beside it.
    """

    def __init__(self, reason: str, *, blameless: bool = False) -> None:
        super().__init__(reason)
        self.blameless = blameless


class EngineStopped(Exception):
    """The drawing was stopped, as asked."""


class TaskFailed(Exception):
    """The task itself reported an error; transient ones may go better next time."""

    def __init__(self, code: str, message: str, transient: bool) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.transient = transient


class Unloadable(Exception):
    """The model could not be brought into memory; the text says why. code: engine_error or out_of_memory."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Unfit(Exception):
    """The model is there and does not draw what it should."""


@dataclass
class Progress:
    """How far a drawing is; the engine writes, the attempt reads."""

    stage: str = "loading_model"
    step: int = 0
    steps: int = 0
    preview: bytes | None = None
    preview_number: int = 0
    drawn: asyncio.Event = field(default_factory=asyncio.Event)  # the engine is free for the next job


@dataclass(frozen=True)
class Picture:
    """One encoded image, as it will be stored."""

    data: bytes
    content_type: str
    extension: str
    width: int
    height: int
    seed: int


@dataclass(frozen=True)
class Drawing:
    """What a job's drawing gave; times in ms. batch: images that were denoised together, the most of them."""

    pictures: list[Picture]
    load_ms: int
    denoise_ms: int
    decode_ms: int
    batch: int
    warnings: list[str]
    encode_ms: int = 0  # of decode_ms


@dataclass(frozen=True)
class Request:
    """A job to be drawn (the message's fields), and whoever follows it. image: the input image's file, or empty."""

    job: Mapping[str, Any]
    attempt: int
    progress: Progress
    image: bytes = b""

    @property
    def id(self) -> str:
        return str(self.job["id"])


@dataclass(eq=False)
class Order:
    """One request on its way through; `result` ends in Drawing, EngineDied, EngineStopped, TaskFailed or the pool's Barred."""

    request: Request
    result: asyncio.Future[Drawing]
    load_ms: int = 0
    pictures: list[Picture] = field(default_factory=list)

    def fail(self, error: Exception) -> None:
        """No-op for one that has ended, or that nobody waits for."""
        if not self.result.done():
            self.result.set_exception(error)
            self.result.exception()  # its owner may have left: that is no fault to be logged
