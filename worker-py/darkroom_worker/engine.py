"""The engine: a child process that draws. It may be killed, crash or hang at any time; the supervisor lives on and says why."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from darkroom_worker import metrics, pipe
from darkroom_worker.catalog import Model
from darkroom_worker.settings import Settings

START_SECONDS = 180  # importing torch from a cold disk takes its time
DEATHS = 3
DEATHS_WITHIN_SECONDS = 300
QUARANTINE_SECONDS = 30  # a sick engine is tried again, and must pass its self-check, this often
_FRAME_LIMIT = 1 << 20

log = structlog.get_logger()


class EngineDied(Exception):
    """The process is gone, whatever it was doing; the text says how it ended."""


class EngineStopped(Exception):
    """The drawing was stopped, as asked."""


class TaskFailed(Exception):
    """The task itself reported an error; transient ones may go better next time."""

    def __init__(self, code: str, message: str, transient: bool) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.transient = transient


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
    """What a job's drawing gave; times in ms."""

    pictures: list[Picture]
    load_ms: int
    denoise_ms: int
    decode_ms: int


class Engine:
    """Keeps one child process running, and draws in it."""

    def __init__(self, models: Mapping[str, Model], config: Settings) -> None:
        self._models = models
        self._start_frame = {
            "do": "start",
            "models": [model.model_dump() for model in models.values()],
            "worker": config.name,
            "gpu": config.WORKER_GPU,
            "device": config.WORKER_DEVICE,
            "lock_dir": str(config.WORKER_LOCK_DIR),
            "log_level": config.LOG_LEVEL,
            "test_mode": config.TEST_MODE,
        }
        self._gpu = config.WORKER_GPU
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._inboxes: dict[str, asyncio.Queue[pipe.Frame]] = {}
        self._deaths: list[tuple[float, object]] = []
        self._killed_because = ""
        self._ready = asyncio.Event()
        self._turn = asyncio.Lock()  # one drawing at a time; the last one's encoding may still go on
        self.sick = ""  # why, when it died too often
        self.warm: set[str] = set()  # models in memory

    @property
    def ready(self) -> bool:
        return self._ready.is_set()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def usable(self) -> bool:
        """Waits until the engine can draw. False when it is sick instead."""
        while not self._ready.is_set():
            if self.sick:
                return False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await self._ready.wait()
        return True

    async def run(self) -> None:
        """Starts the child, and starts it again whenever it dies. Cancelled, it leaves no child behind."""
        while True:
            reader = await self._start()
            try:
                reason = await self._serve(reader)
            finally:
                self._ready.clear()
                self.warm.clear()
                await self._bury()
            await self._mourn(reason)

    async def draw(self, job: Mapping[str, Any], attempt: int, progress: Progress) -> Drawing:
        """Draws a job (the message's fields) when its turn comes. Raises EngineDied, EngineStopped or TaskFailed."""
        limits = self._models[job["model"]].stall_seconds
        job_id = str(job["id"])
        inbox: asyncio.Queue[pipe.Frame] = asyncio.Queue()
        pictures: list[Picture] = []
        await self._turn.acquire()
        mine = True
        self._inboxes[job_id] = inbox
        try:
            self._send({"do": "draw", "attempt": attempt, "job": dict(job)})
            while True:
                limit = self._limit(limits, progress)
                try:
                    # Not wait_for: before Python 3.12 it may swallow a cancellation.
                    async with asyncio.timeout(limit):
                        head, blob = await inbox.get()
                except TimeoutError:
                    self._kill(f"no progress in {progress.stage} for {limit:.0f} s")
                    head, blob = await inbox.get()
                match head["say"]:
                    case "stage":
                        progress.stage = head["stage"]
                    case "step":
                        progress.stage, progress.step, progress.steps = "denoising", head["step"], head["steps"]
                        if blob:
                            progress.preview = blob
                            progress.preview_number += 1
                    case "drawn":
                        progress.drawn.set()
                        progress.stage = "decoding"
                        self._turn.release()
                        mine = False
                    case "picture":
                        pictures.append(Picture(data=blob, **head["picture"]))
                    case "done":
                        return Drawing(pictures, **head["timings"])
                    case "stopped":
                        raise EngineStopped
                    case "error":
                        raise TaskFailed(head["code"], head["message"], head["transient"])
                    case "died":
                        raise EngineDied(head["reason"])
        finally:
            if mine:
                self._turn.release()
            del self._inboxes[job_id]

    def cancel(self, job_id: str) -> bool:
        """Asks the engine to leave a job: its `draw` raises EngineStopped at the next step, or EngineDied past the stall limit.

        False when its turn had not come: then its `draw` can simply be cancelled.
        """
        if job_id not in self._inboxes:
            return False
        self._send({"do": "cancel", "job": job_id})
        return True

    @staticmethod
    def _limit(limits: Any, progress: Progress) -> float:
        match progress.stage:
            case "loading_model":
                return float(limits.load)
            case "warming_up":
                return float(limits.warm_up)
            case "denoising":
                return float(limits.step if progress.step else limits.first_step)
        return float(limits.decode)

    async def _start(self) -> asyncio.StreamReader:
        ours, theirs = socket.socketpair()
        # From the main thread: the child asks to be killed when the thread that started it ends.
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "darkroom_worker.tasks",
            str(theirs.fileno()),
            str(os.getpid()),
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env=self._environment(),
        )
        theirs.close()
        reader, self._writer = await asyncio.open_connection(sock=ours, limit=_FRAME_LIMIT)
        self._send(self._start_frame)
        if self.sick:
            self._send({"do": "check"})
        return reader

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

    async def _serve(self, reader: asyncio.StreamReader) -> str:
        """Hands out what the child says until it is gone; answers how it ended."""
        assert self._process is not None  # noqa: S101 - for the type checker
        told = ""
        wanted = "checked" if self.sick else "ready"
        try:
            async with asyncio.timeout(START_SECONDS) as starting:
                while True:
                    head, blob = await pipe.receive(reader)
                    if head["say"] == "unfit":
                        told = head["reason"]
                    elif head["say"] == "warm":
                        self.warm = set(head["models"])
                        metrics.MODEL_LOADS.labels(head["loaded"]).inc()
                    elif head["say"] == wanted:
                        starting.reschedule(None)
                        self.sick = ""
                        self._ready.set()
                        log.info("the engine is ready", pid=self._process.pid)
                    elif head.get("job") in self._inboxes:
                        self._inboxes[head["job"]].put_nowait((head, blob))
        except TimeoutError:
            self._kill(f"not ready after {START_SECONDS} s")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        # It is about to end, or only closed its end of the pipe.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._process.wait()
        _kill(self._process)
        return self._killed_because or told or _how(await self._process.wait())

    async def _bury(self) -> None:
        """Nothing of the dead child is left but its jobs, and they are told."""
        if self._process:
            _kill(self._process)
            await self._process.wait()
        if self._writer:
            self._writer.close()
        self._writer = self._process = None

    async def _mourn(self, reason: str) -> None:
        log.error("the engine died", reason=reason, jobs=list(self._inboxes))
        metrics.ENGINE_DEATHS.labels("stalled" if self._killed_because else "died").inc()
        self._killed_because = ""
        now = time.monotonic()
        # A job that kills every engine it meets is one cause, not many: it ends as poison and the GPU is not to blame.
        cause: object = next(iter(self._inboxes), object())
        self._deaths = [(at, by) for at, by in self._deaths if now - at < DEATHS_WITHIN_SECONDS] + [(now, cause)]
        for inbox in self._inboxes.values():
            inbox.put_nowait(({"say": "died", "reason": reason}, b""))
        if self.sick or len({by for _, by in self._deaths}) >= DEATHS:
            minutes = DEATHS_WITHIN_SECONDS // 60
            self.sick = f"the engine died {len(self._deaths)} times in {minutes} minutes, last: {reason}"
            log.error("the engine is sick", reason=self.sick)
            await asyncio.sleep(QUARANTINE_SECONDS)

    def _kill(self, because: str) -> None:
        if self._process and self._process.returncode is None:
            self._killed_because = because
            _kill(self._process)

    def _send(self, head: dict[str, Any]) -> None:
        if self._writer is None:
            job_id = head["job"]["id"] if head["do"] == "draw" else None
            if job_id in self._inboxes:
                self._inboxes[job_id].put_nowait(({"say": "died", "reason": "it was not running"}, b""))
            return
        self._writer.write(pipe.pack(head))


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
