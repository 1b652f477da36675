"""The engine's main loop: python -m darkroom_worker.tasks FD PARENT_PID. It reads orders from the pipe and draws them one after another."""

from __future__ import annotations

import os
import queue
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import structlog
from PIL.Image import Image

from darkroom_worker import logs, pipe
from darkroom_worker.catalog import Model
from darkroom_worker.messages import Job
from darkroom_worker.tasks import process
from darkroom_worker.tasks.fault import BadFault, Fault, StruckError
from darkroom_worker.tasks.picture import CONTENT_TYPES, EXTENSIONS, encode
from darkroom_worker.tasks.simulated import Simulated
from darkroom_worker.tasks.task import BadOutput, DeviceLost, Order, OutOfMemory, Refused, Stopped, Task

log = structlog.get_logger()


class Loop:
    """Draws orders in the main thread, reads the pipe in a second, encodes in a third while the next order is drawn."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._stream = connection.makefile("rb")
        self._sending = threading.Lock()
        self._waiting: queue.Queue[dict[str, Any]] = queue.Queue()
        self._stops: dict[str, threading.Event] = {}  # by job id; of every order that has not been answered
        self._stopping = threading.Lock()
        self._encoder = ThreadPoolExecutor(1, "encoder")
        self._tasks: dict[str, Task] = {}
        self._models: dict[str, Model] = {}
        self._test_mode = False

    def run(self) -> None:
        start, _ = pipe.read(self._stream)
        logs.configure(start["log_level"], start["worker"])
        try:
            self._lock = self._prepare(start)
        except Exception as error:  # whatever it is, the supervisor must learn why
            self._say({"say": "unfit", "reason": f"{type(error).__name__}: {error}"}, b"")
            raise
        self._say({"say": "ready"}, b"")
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        while True:
            frame = self._waiting.get()
            if frame["do"] == "check":
                self._check()
            else:
                self._draw(frame)

    def _prepare(self, start: dict[str, Any]) -> object:
        """Imports what the served models need, and no more: an engine for `simulated` alone has no torch."""
        self._models = {model["id"]: Model.model_validate(model) for model in start["models"]}
        self._test_mode = start["test_mode"]
        kinds = {model.task for model in self._models.values()}
        if "simulated" in kinds:
            self._tasks["simulated"] = Simulated(self._test_mode)
        if "text_to_image" not in kinds:
            return None
        from darkroom_worker.tasks.text_to_image import TextToImage, choose_device  # noqa: PLC0415 - torch

        device = choose_device(start["device"])
        lock = process.hold_gpu(Path(start["lock_dir"]), start["gpu"]) if device == "cuda" else None
        self._tasks["text_to_image"] = TextToImage(
            device, [model for model in self._models.values() if model.task == "text_to_image"]
        )
        return lock

    def _read(self) -> None:
        while True:
            try:
                frame, _ = pipe.read(self._stream)
            except (EOFError, OSError):
                os._exit(0)  # the supervisor is gone
            if frame["do"] == "cancel":
                if stop := self._stops.get(frame["job"]):
                    stop.set()
                continue
            if frame["do"] == "draw":
                with self._stopping:
                    self._stops[frame["job"]["id"]] = threading.Event()
            self._waiting.put(frame)

    def _check(self) -> None:
        try:
            for model in self._models.values():
                self._tasks[model.task].check(model)
        except Exception as error:  # any means unfit
            self._say({"say": "unfit", "reason": f"self-check: {type(error).__name__}: {error}"}, b"")
            raise
        self._say({"say": "checked"}, b"")

    def _draw(self, frame: dict[str, Any]) -> None:
        job = Job.model_validate(frame["job"])
        stop = self._stops[job.id]
        try:
            fault = Fault.asked(job.metadata, frame["attempt"]) if self._test_mode else Fault()
            self._develop(Order(job, self._models[job.model], fault, self._say, stop))
        except BadFault as error:
            self._fail(job, "refused", str(error), transient=False)
        finally:
            with self._stopping:  # the answer may have brought the same job again already
                if self._stops[job.id] is stop:
                    del self._stops[job.id]

    def _develop(self, order: Order) -> None:
        job, task = order.job, self._tasks[order.model.task]
        warm = set(task.warm)
        began = time.monotonic()
        try:
            pictures = task.draw(order)
        except Stopped:
            self._say({"say": "stopped", "job": job.id}, b"")
        except (Refused, BadOutput) as error:
            self._fail(job, error.code, str(error), transient=False)
        except OutOfMemory as error:
            self._fail(job, error.code, str(error), transient=True)
        except StruckError as error:
            self._fail(job, "engine_error", f"The engine failed: {error}. Try again.", transient=True)
        except DeviceLost as error:
            self._say({"say": "unfit", "reason": f"the device failed for good: {error}"}, b"")
            raise
        except Exception as error:  # whatever else a model throws must not end the engine
            log.exception("the task failed", job_id=job.id)
            self._fail(job, "engine_error", _sentence("The engine failed", error), transient=True)
        else:
            drawn = round((time.monotonic() - began) * 1000)
            self._say({"say": "drawn", "job": job.id}, b"")
            self._encoder.submit(self._encode, order, pictures, drawn)
        finally:
            for name in task.warm - warm:
                models = sorted(set().union(*(known.warm for known in self._tasks.values())))
                self._say({"say": "warm", "models": models, "loaded": name}, b"")

    def _encode(self, order: Order, pictures: list[Image], drawn_ms: int) -> None:
        job = order.job
        began = time.monotonic()
        try:
            for index, picture in enumerate(pictures):
                about = {
                    "content_type": CONTENT_TYPES[job.spec.format],
                    "extension": EXTENSIONS[job.spec.format],
                    "width": picture.width,
                    "height": picture.height,
                    "seed": job.spec.seed + index,
                }
                self._say({"say": "picture", "job": job.id, "picture": about}, encode(picture, job, index))
        except Exception as error:  # a thread's exception is nobody's
            self._fail(job, "engine_error", _sentence("The picture could not be encoded", error), transient=True)
            return
        timings = {
            "load_ms": order.load_ms,
            "denoise_ms": max(0, drawn_ms - order.load_ms - order.decode_ms),
            "decode_ms": order.decode_ms + round((time.monotonic() - began) * 1000),
        }
        self._say({"say": "done", "job": job.id, "timings": timings}, b"")

    def _fail(self, job: Job, code: str, message: str, *, transient: bool) -> None:
        self._say({"say": "error", "job": job.id, "code": code, "message": message, "transient": transient}, b"")

    def _say(self, head: dict[str, Any], blob: bytes) -> None:
        with self._sending:
            self._connection.sendall(pipe.pack(head, blob))


def _sentence(what: str, error: Exception) -> str:
    return f"{what} ({type(error).__name__}: {str(error)[:500]}). Try again."


if __name__ == "__main__":
    process.die_with(int(sys.argv[2]))
    process.leave_signals_to_the_supervisor()
    process.volunteer()
    Loop(socket.socket(fileno=int(sys.argv[1]))).run()
