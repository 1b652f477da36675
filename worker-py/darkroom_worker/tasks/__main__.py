"""The engine's main loop: python -m darkroom_worker.tasks FD PARENT_PID. It loads one model, then draws what the pipe brings."""

from __future__ import annotations

import importlib
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
from darkroom_worker.tasks import device, process
from darkroom_worker.tasks.fault import BadFault, Fault
from darkroom_worker.tasks.picture import CONTENT_TYPES, EXTENSIONS, encode
from darkroom_worker.tasks.task import DeviceLost, Order, Refused, Setup, Stopped, Task, Unfit, Unloadable

log = structlog.get_logger()


class Loop:
    """Draws in the main thread, reads the pipe in a second, encodes in a third while the next orders are drawn."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._stream = connection.makefile("rb")
        self._sending = threading.Lock()
        self._waiting: queue.Queue[pipe.Frame] = queue.Queue()
        self._stops: dict[int, threading.Event] = {}  # by number; of every order that was read and not yet drawn
        self._encoder = ThreadPoolExecutor(1, "encoder")
        self._setup: Setup
        self._task: Task

    def run(self) -> None:
        start, _ = pipe.read(self._stream)
        logs.configure(start["log_level"], start["worker"])
        try:
            self._prepare(start)
        except Exception as error:  # whatever it is, the supervisor must learn why
            self._say({"say": "unfit", "reason": f"{type(error).__name__}: {error}"})
            raise
        self._say({"say": "ready", "device": self._setup.device, "memory": device.memory(self._setup.device)})
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        while True:
            head, blob = self._waiting.get()
            match head["do"]:
                case "load":
                    self._load(Model.model_validate(head["model"], strict=False))  # JSON knows no tuples
                case "draw":
                    self._draw(head["orders"], blob)
                case "rest":
                    self._task.rest()

    def _prepare(self, start: dict[str, Any]) -> None:
        """Imports what the served tasks need, and no more: an engine for `simulated` alone has no torch."""
        modules = [f"darkroom_worker.tasks.{task}" for task in start["tasks"]]
        if start["gently"]:
            process.import_gently(modules)
        else:
            for module in modules:
                importlib.import_module(module)
        chosen = device.choose(start["device"])
        if chosen == "cuda":
            process.hold_gpu(start["lock"], start["gpu"])
        self._setup = Setup(chosen, Path(start["cache_dir"]), start["previews"], start["test_mode"])

    def _read(self) -> None:
        while True:
            try:
                head, blob = pipe.read(self._stream)
            except (EOFError, OSError):
                os._exit(0)  # the supervisor is gone
            if head["do"] == "cancel":
                if stop := self._stops.get(head["number"]):
                    stop.set()
                continue
            if head["do"] == "draw":
                self._stops |= {order["number"]: threading.Event() for order in head["orders"]}
            self._waiting.put((head, blob))

    def _load(self, model: Model) -> None:
        """Makes the model ready to draw; a process that cannot ends, and all its memory comes back."""
        began = time.monotonic()
        try:
            self._say({"say": "loading", "stage": "loading_model"})
            self._task = importlib.import_module(f"darkroom_worker.tasks.{model.task}").create(model, self._setup)
            self._task.load()
        except Exception as error:  # any means that it is not there
            log.exception("the model could not be loaded", model=model.id)
            code = getattr(error, "code", "engine_error")
            message = str(error) if isinstance(error, Unloadable) else f"{type(error).__name__}: {str(error)[:500]}"
            self._say({"say": "unloadable", "code": code, "message": message})
            sys.exit(1)
        try:
            self._say({"say": "loading", "stage": "checking"})
            self._task.check()
            self._say({"say": "loading", "stage": "warming_up"})
            caps = self._task.warm_up()
        except Exception as error:  # any means that it must not draw for people
            log.exception("the model is unfit", model=model.id)
            reason = str(error) if isinstance(error, Unfit) else f"{type(error).__name__}: {str(error)[:500]}"
            self._say({"say": "unfit", "reason": reason})
            sys.exit(1)
        took = round((time.monotonic() - began) * 1000)
        self._say({"say": "loaded", "load_ms": took, "bytes": self._task.size, "caps": caps})

    def _draw(self, wanted: list[dict[str, Any]], image: bytes) -> None:
        orders = [self._order(fields, image) for fields in wanted]
        pictures = dict.fromkeys(orders, 0)
        began = time.monotonic()
        trouble: Exception = RuntimeError("fewer pictures came than were asked for")
        try:
            for order, picture in self._task.draw([order for order in orders if order.live]):
                self._encoder.submit(self._encode, order, picture, pictures[order], order.batch)
                pictures[order] += 1
                if pictures[order] == order.job.spec.n:
                    drawn = round((time.monotonic() - began) * 1000)
                    self._encoder.submit(self._finish, order, drawn)
        except Stopped:
            pass
        except DeviceLost as error:
            self._say({"say": "unfit", "reason": f"the device failed for good: {error}"})
            raise
        except Exception as error:  # whatever else a model throws must not end the engine
            log.exception("the drawing failed", jobs=[order.job.id for order in orders])
            trouble = error
        for order in orders:
            if pictures[order] < order.job.spec.n:
                order.fail(trouble)
            del self._stops[order.number]
        self._say({"say": "drawn"})

    def _order(self, fields: dict[str, Any], image: bytes) -> Order:
        job = Job.model_validate(fields["job"])
        number = fields["number"]
        order = Order(job, Fault(), self._say, number, self._setup.previews, image, self._stops[number])
        try:
            if self._setup.test_mode:
                order.fault = Fault.asked(job.metadata, fields["attempt"])
        except BadFault as error:
            order.fail(Refused(str(error)))
        return order

    def _encode(self, order: Order, picture: Image, index: int, batch: int) -> None:
        job = order.job
        if order.ended:
            return
        began = time.monotonic()
        try:
            about = {
                "content_type": CONTENT_TYPES[job.spec.format],
                "extension": EXTENSIONS[job.spec.format],
                "width": picture.width,
                "height": picture.height,
                "seed": job.spec.seed + index,
            }
            order.tell("picture", encode(picture, job, index, batch), picture=about)
            order.encode_ms += round((time.monotonic() - began) * 1000)
        except Exception as error:  # a thread's exception is nobody's
            log.exception("the picture could not be encoded", job_id=job.id)
            order.fail(error)

    def _finish(self, order: Order, drawn_ms: int) -> None:
        timings = {
            "denoise_ms": max(0, drawn_ms - order.decode_ms),
            "decode_ms": order.decode_ms + order.encode_ms,
            "encode_ms": order.encode_ms,
        }
        if not order.ended:
            order.tell("done", timings=timings, batch=order.batch, warnings=order.warnings)

    def _say(self, head: dict[str, Any], blob: bytes = b"") -> None:
        with self._sending:
            self._connection.sendall(pipe.pack(head, blob))


if __name__ == "__main__":
    process.die_with(int(sys.argv[2]))
    process.leave_signals_to_the_supervisor()
    process.volunteer()
    Loop(socket.socket(fileno=int(sys.argv[1]))).run()
