"""An engine: a child process that draws with one model. It may be killed, crash or hang at any time; the supervisor lives on and says why."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from darkroom_worker import metrics, pipe
from darkroom_worker.catalog import Model, StallSeconds
from darkroom_worker.order import Drawing, EngineDied, EngineStopped, Order, Picture, TaskFailed, Unfit, Unloadable
from darkroom_worker.settings import Settings

START_SECONDS = 900  # importing torch takes seconds; minutes from a cold disk, or beside engines that draw
_FRAME_LIMIT = 1 << 20

log = structlog.get_logger()


@dataclass(eq=False)
class _Batch:
    """Orders that are drawn together: progress of one is progress of all, and without any the engine is killed."""

    limit: float  # s without progress
    stage: str = "denoising"
    drawn: bool = False
    open: set[int] = field(default_factory=set)  # numbers of the orders that have not ended
    moved: asyncio.Event = field(default_factory=asyncio.Event)


class Engine:
    """One child process, and its one model once that is loaded. `changed` is called when it is ready, free, idle or ended."""

    def __init__(
        self, tasks: Sequence[str], config: Settings, lock: int | None, gently: bool, changed: Callable[[Engine], None]
    ) -> None:
        self.tasks = list(tasks)  # what it imports
        self._start_frame = {
            "do": "start",
            "tasks": self.tasks,
            "gently": gently,
            "worker": config.name,
            "gpu": config.WORKER_GPU,
            "device": config.WORKER_DEVICE,
            "lock": lock,
            "log_level": config.LOG_LEVEL,
            "test_mode": config.TEST_MODE,
            "previews": config.WORKER_PREVIEWS,
            "cache_dir": str(config.WORKER_CACHE_DIR),
        }
        self._lock = lock
        self._gpu = config.WORKER_GPU
        self._process: asyncio.subprocess.Process
        self._writer: asyncio.StreamWriter
        self._life: asyncio.Task[None]
        self._killed_because = ""
        self._numbers = itertools.count(1)
        self._orders: dict[int, tuple[Order, _Batch]] = {}
        self._drawing: _Batch | None = None
        self._watches: set[asyncio.Task[None]] = set()
        self._loading: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._limits: StallSeconds
        self._changed = changed
        self._started = asyncio.Event()  # ready, or ended
        self._gone = asyncio.Event()
        self.free = asyncio.Event()  # draws nothing; what was drawn may still be encoded
        self.free.set()
        self.claims = 0  # drawings that will come here; kept by the pool
        self.ended = ""  # how
        self.dismissed = False  # it was told to end: no death
        self.stalled = ""  # in which stage
        self.device = ""
        self.memory = 0  # bytes, all of the device's
        self.model: Model | None = None  # that it was told to load
        self.loaded = False
        self.bytes = 0
        self.caps: dict[str, int] = {}
        self.load_ms = 0
        self.used_at = time.monotonic()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def idle(self) -> bool:
        """Nothing is under way, nor will be."""
        return not (self.claims or self._orders or self._drawing)

    @property
    def death(self) -> str:
        """How the process ended, in a word: stalled, killed, crashed or exited."""
        if self.stalled:
            return "stalled"
        status = self._process.returncode or 0
        return "exited" if status >= 0 else "killed" if status == -signal.SIGKILL else "crashed"

    @property
    def jobs(self) -> list[str]:
        """Ids of what is under way."""
        return [order.request.id for order, _ in self._orders.values()]

    async def start(self) -> None:
        """Starts the child. From the main thread: the child is killed when the thread that started it ends."""
        ours, theirs = socket.socketpair()
        with theirs:
            reader, self._writer = await asyncio.open_connection(sock=ours, limit=_FRAME_LIMIT)
            try:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "darkroom_worker.tasks",
                    str(theirs.fileno()),
                    str(os.getpid()),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=[theirs.fileno(), *([] if self._lock is None else [self._lock])],
                    env=self._environment(),
                )
            except BaseException:
                self._writer.close()
                raise
        self._send(self._start_frame)
        self._life = asyncio.create_task(self._live(reader))

    async def ready(self) -> None:
        """Waits until it can load. Raises EngineDied."""
        await self._started.wait()
        if self.ended:
            raise EngineDied(self.ended)

    async def gone(self) -> None:
        """Waits until the process has ended and is reaped."""
        await self._gone.wait()

    async def load(self, model: Model) -> None:
        """Loads, checks and warms up. Raises Unloadable, Unfit or EngineDied; the process is then gone, or about to be."""
        self.model, self._limits, stage = model, model.stall_seconds, "loading_model"
        self._send({"do": "load", "model": model.model_dump(mode="json")})
        while True:
            limit = self._limits.load if stage == "loading_model" else self._limits.warm_up
            try:
                # Not wait_for: before Python 3.12 it may swallow a cancellation.
                async with asyncio.timeout(limit):
                    head = await self._loading.get()
            except TimeoutError:
                self.stall(stage, limit)
                head = await self._loading.get()
            match head["say"]:
                case "loading":
                    stage = head["stage"]
                case "loaded":
                    self.loaded, self.bytes, self.caps = True, head["bytes"], head["caps"]
                    self.load_ms = head["load_ms"]
                    return
                case "unloadable":
                    self.dismiss()
                    raise Unloadable(head["code"], head["message"])
                case "unfit":
                    self.dismiss()
                    raise Unfit(head["reason"])
                case "died":
                    raise EngineDied(head["reason"])

    def draw(self, orders: Sequence[Order]) -> None:
        """Draws orders as one batch, when what was sent before is drawn; `free` says when that is over."""
        batch = _Batch(self._limits.first_step)
        wanted, image = [], b""
        for order in orders:
            number = next(self._numbers)
            self._orders[number] = (order, batch)
            batch.open.add(number)
            wanted.append({"number": number, "attempt": order.request.attempt, "job": dict(order.request.job)})
            image = order.request.image or image
            # A waiter that is cancelled cancels what it waits for.
            order.result.add_done_callback(partial(self._abandon, number))
        self.used_at = time.monotonic()
        self._drawing = batch
        self.free.clear()
        self._send({"do": "draw", "orders": wanted}, image)
        watch = asyncio.create_task(self._watch(batch))
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)

    def cancel(self, job_id: str) -> bool:
        """Asks to leave a job: its result is EngineStopped at the next step, or EngineDied past the stall limit. False: not known here."""
        numbers = [number for number, (order, _) in self._orders.items() if order.request.id == job_id]
        for number in numbers:
            self._send({"do": "cancel", "number": number})
        return bool(numbers)

    def rest(self) -> None:
        """Another engine draws next: the device's memory that only drawing needs is given back."""
        self._send({"do": "rest"})

    def dismiss(self) -> None:
        """SIGKILL, and no death: nobody needs this process any more."""
        self.dismissed = True
        _kill(self._process)

    def stall(self, stage: str, limit: float, batch: _Batch | None = None) -> None:
        """SIGKILL: nothing moved for `limit` seconds."""
        if self._process.returncode is None and not self._killed_because:
            self.stalled = stage
            self._drawing = batch  # nobody else is to blame
            self._killed_because = f"no progress in {stage} for {limit:.0f} s"
            _kill(self._process)

    # The child's life.

    async def _live(self, reader: asyncio.StreamReader) -> None:
        """Hears the child until it is gone, then tells everybody who waits for it how it ended."""
        reason = ""
        try:
            reason = await self._listen(reader)
            _kill(self._process)
            reason = self._killed_because or reason or _how(await self._process.wait())
        finally:  # cancelled only when the whole program ends
            _kill(self._process)
            self._writer.close()
            self._tell_end(reason or "it was left alone")

    def _tell_end(self, reason: str) -> None:
        """First its end is known, then those who wait hear of it: none shall find this engine alive."""
        self.ended = reason
        for watch in self._watches:
            watch.cancel()
        self._changed(self)
        self._loading.put_nowait({"say": "died", "reason": reason})
        for order, batch in self._orders.values():
            order.fail(EngineDied(reason, blameless=self._drawing not in (None, batch)))
        self._started.set()
        self.free.set()
        self._gone.set()

    async def _listen(self, reader: asyncio.StreamReader) -> str:
        """What the child said of its end; empty when it said nothing."""
        told = ""
        try:
            async with asyncio.timeout(START_SECONDS) as starting:
                while True:
                    head, blob = await pipe.receive(reader)
                    match head["say"]:
                        case "ready":
                            starting.reschedule(None)
                            self.device, self.memory = head["device"], head["memory"]
                            self._started.set()
                            self._changed(self)
                        case "unfit" | "unloadable" | "loading" | "loaded":
                            told = head.get("reason", "")
                            self._loading.put_nowait(head)
                        case "drawn":
                            self._drawn()
                        case _ if head["number"] in self._orders:
                            self._hear(head, blob)
        except TimeoutError:
            self.stall("starting", START_SECONDS)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except Exception as error:  # whatever it is, its orders must hear of it
            log.exception("the engine cannot be understood", pid=self.pid)
            return f"it said what nobody understands ({error!r})"
        # It is about to end, or only closed its end of the pipe.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._process.wait()
        return told

    def _hear(self, head: dict[str, Any], blob: bytes) -> None:
        """One word about one order."""
        number = head["number"]
        order, batch = self._orders[number]
        progress = order.request.progress
        match head["say"]:
            case "stage":
                progress.stage = batch.stage = head["stage"]
                batch.limit = self._stage_limit(head["stage"])
            case "step":
                progress.stage, progress.step, progress.steps = "denoising", head["step"], head["steps"]
                batch.stage, batch.limit = "denoising", self._limits.step
                if blob:
                    progress.preview = blob
                    progress.preview_number += 1
                    metrics.PREVIEWS.inc()
                    metrics.PREVIEW_BYTES.inc(len(blob))
                    metrics.PREVIEW_SECONDS.inc(head["preview_ms"] / 1000)
            case "picture":
                order.pictures.append(Picture(data=blob, **head["picture"]))
            case "done":
                self._end(number)
                if not order.result.done():
                    order.result.set_result(
                        Drawing(order.pictures, order.load_ms, **head["timings"], batch=head["batch"], warnings=head["warnings"])
                    )  # fmt: skip
            case "stopped":
                self._end(number)
                order.fail(EngineStopped())
            case "error":
                self._end(number)
                order.fail(TaskFailed(head["code"], head["message"], head["transient"]))
        batch.moved.set()

    def _drawn(self) -> None:
        batch, self._drawing = self._drawing, None
        if batch is None:
            return
        batch.drawn, batch.stage, batch.limit = True, "decoding", self._limits.decode
        batch.moved.set()
        for number in batch.open:
            progress = self._orders[number][0].request.progress
            progress.stage = "decoding"
            progress.drawn.set()
        self.used_at = time.monotonic()
        self.free.set()
        self._changed(self)

    def _end(self, number: int) -> None:
        order, batch = self._orders.pop(number)
        order.request.progress.drawn.set()
        batch.open.discard(number)
        batch.moved.set()
        self._changed(self)

    def _abandon(self, number: int, result: asyncio.Future[Drawing]) -> None:
        if result.cancelled() and number in self._orders:
            self._send({"do": "cancel", "number": number})

    async def _watch(self, batch: _Batch) -> None:
        """Kills the child when a batch makes no progress, until it is drawn and encoded."""
        while batch.open or not batch.drawn:
            batch.moved.clear()
            limit = batch.limit
            try:
                async with asyncio.timeout(limit):
                    await batch.moved.wait()
            except TimeoutError:
                self.stall(batch.stage, limit, batch)
                return

    def _stage_limit(self, stage: str) -> float:
        match stage:
            case "warming_up":
                return self._limits.warm_up
            case "denoising":
                return self._limits.first_step
        return self._limits.decode

    def _send(self, head: dict[str, Any], blob: bytes = b"") -> None:
        if not self._writer.is_closing():
            self._writer.write(pipe.pack(head, blob))

    def _environment(self) -> dict[str, str]:
        """No secret of the supervisor's reaches the process that runs models; a hub is never asked."""
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("RABBITMQ_", "REDIS_", "S3_"))
        }
        package = str(Path(__file__).resolve().parents[1])
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
        environment["HF_HUB_OFFLINE"] = "1"
        # Advice to programmers, in plain text, at every start.
        environment["TRANSFORMERS_VERBOSITY"] = environment["DIFFUSERS_VERBOSITY"] = "error"
        # Threads that spin while they wait make a drawing ten times slower as soon as a neighbour wants the cores too.
        environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        environment.setdefault("CUDA_VISIBLE_DEVICES", str(self._gpu))
        return environment


def _kill(process: asyncio.subprocess.Process) -> None:
    """SIGKILL, past Process.kill: that one may reap the child and lose its exit status."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)


def _how(status: int) -> str:
    if status >= 0:
        return f"it exited with status {status}"
    name = signal.Signals(-status).name
    return f"it was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
