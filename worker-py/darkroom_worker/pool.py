"""The engines of one worker: a process per model in memory, least recently used ones ended where room is needed, one drawing at a time."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from darkroom_worker import metrics
from darkroom_worker.cancellation import finish
from darkroom_worker.catalog import Model
from darkroom_worker.deaths import WITHIN_SECONDS, Deaths
from darkroom_worker.engine import Engine
from darkroom_worker.order import (
    Drawing,
    EngineDied,
    EngineStopped,
    Order,
    Request,
    TaskFailed,
    Unfit,
    Unloadable,
)
from darkroom_worker.place import Place
from darkroom_worker.settings import Settings

GONE_SECONDS = 10  # for a killed process to leave; one that hangs in a driver never does
QUARANTINE_SECONDS = 30  # so long a sick pool, or a model that failed, is left alone before it is tried again
GPU_SHARE, CPU_SHARE = 0.85, 0.70  # of the device's memory, for models

log = structlog.get_logger()


class Barred(Exception):
    """This model is not drawn here for now; the job has nothing to do with it."""


@dataclass(frozen=True)
class Loading:
    """A load under way. since: time.monotonic(), s; expected_ms: how long it took the last time, 0 when it never did."""

    model: str
    since: float
    expected_ms: int


@dataclass(eq=False)
class _Draw:
    """Orders that will be drawn as one batch."""

    place: Place
    orders: list[Order]
    begun: bool = False

    def open(self) -> list[Order]:
        return [order for order in self.orders if not order.result.done()]

    def fail(self, error: Exception) -> None:
        for order in self.orders:
            order.fail(error)


class Pool:
    """Keeps engines running, and draws in them.

    One coroutine, `run`, starts, loads and ends engines, one after another. `changed` is a new event after each change: wait for the one
    that is there now.
    """

    def __init__(self, models: Mapping[str, Model], config: Settings) -> None:
        self._config = config
        self._places = {model.id: Place(model) for model in models.values()}
        # One that stands by has imported what loads weights: that takes seconds, everything else has its own process in no time.
        loading = {model.task for model in models.values() if model.pipeline}
        self._standby = sorted(loading or {model.task for model in models.values()})
        self._lock: int | None = None  # the GPU's, an open file
        self._spare: Engine | None = None  # has imported what it needs, and holds no model
        self._spare_from: float = 0  # not started before; s, as time.monotonic()
        self._engines: set[Engine] = set()  # all whose process lives
        self._draws: dict[asyncio.Task[None], _Draw] = {}
        self._turn = asyncio.Lock()
        self._last: Engine | None = None  # drew last
        self._deaths = Deaths()
        self._stirred = asyncio.Event()  # `run` shall look again
        self._served = False  # some model has been in memory
        self.device = ""  # cpu or cuda, once an engine has told
        self.budget: float = math.inf  # bytes for models, once the device is known
        self.sick = ""  # why, when engines died too often
        self.loading: Loading | None = None
        self.changed = asyncio.Event()
        self.listeners: list[Callable[[], None]] = []  # called at each change too

    # What others ask.

    @property
    def warm(self) -> set[str]:
        """Models in memory."""
        return {name for name, place in self._places.items() if place.engine}

    @property
    def barred(self) -> dict[str, str]:
        """Models that cannot be drawn here for now -> why."""
        return {name: place.barred for name, place in self._places.items() if place.barred}

    @property
    def serving(self) -> set[str]:
        """Models that this worker may take work for: in memory, or loaded when they are asked for."""
        if self.sick:
            return set()
        return {name for name, place in self._places.items() if place.engine or not (place.due or place.barred)}

    @property
    def ready(self) -> bool:
        return bool(self.serving)

    @property
    def drawing(self) -> bool:
        """Whether some model draws now."""
        return self._turn.locked()

    @property
    def pids(self) -> set[int]:
        """Of every child process."""
        return {engine.pid for engine in self._engines}

    def engine(self, model_id: str) -> Engine | None:
        """The process that has the model in memory."""
        return self._places[model_id].engine

    async def usable(self, model_id: str) -> bool:
        """Waits until this model could be drawn, loaded for that if need be. False when the pool is sick or the model barred."""
        while not (self.sick or self._places[model_id].barred):
            if model_id in self.serving:
                return True
            await self.changed.wait()
        return False

    def cap(self, model_id: str, width: int, height: int) -> int:
        """How many images of this size pay together; 1 until that is known. What is known of a larger size holds for a smaller one."""
        caps = self._places[model_id].caps
        if exact := caps.get(f"{width}x{height}"):
            return exact
        sizes = ((math.prod(map(int, size.split("x"))), rows) for size, rows in caps.items())
        return max((rows for pixels, rows in sizes if pixels >= width * height), default=1)

    def rows(self, model_id: str) -> int:
        """The most images of any size that pay together; 1 until that is known."""
        return max(self._places[model_id].caps.values(), default=1)

    def load_seconds(self, model_id: str) -> float:
        """What the last load of this model took; 0 when it never was loaded."""
        return self._places[model_id].load_ms / 1000

    def would_evict(self, model_id: str) -> set[str] | None:
        """Models that must leave for this one to be loaded now; empty: it fits, or is there. None: it never fits."""
        place = self._places[model_id]
        if place.engine or (self.loading and self.loading.model == model_id):
            return set()
        return self._leaving(place)

    async def draw(self, requests: Sequence[Request]) -> list[asyncio.Future[Drawing]]:
        """Draws jobs of one model as one batch, once it is in memory and its turn has come; does not wait for that.

        Every future ends in Drawing, EngineDied, EngineStopped, TaskFailed or Barred. One that is cancelled leaves the batch, and the
        others go on.
        """
        loop = asyncio.get_running_loop()
        orders = [Order(request, loop.create_future()) for request in requests]
        draw = _Draw(self._places[requests[0].job["model"]], orders)
        task = asyncio.create_task(self._draw(draw))
        self._draws[task] = draw
        task.add_done_callback(self._draws.pop)

        def leave(_: object) -> None:
            if not draw.begun and not draw.open():
                task.cancel()

        for order in orders:
            order.result.add_done_callback(leave)
        return [order.result for order in orders]

    def cancel(self, job_id: str) -> bool:
        """Asks to leave a job: its future ends in EngineStopped, at once or at the next step, or in EngineDied past the stall limit.

        False when there is no such job.
        """
        waiting = [
            order
            for draw in self._draws.values()
            if not draw.begun
            for order in draw.open()
            if order.request.id == job_id
        ]
        for order in waiting:
            order.fail(EngineStopped())
        drawing = [engine.cancel(job_id) for engine in self._engines]
        return bool(waiting) or any(drawing)

    # Drawing.

    async def _draw(self, draw: _Draw) -> None:
        try:
            while not await self._draw_in(await self._claim(draw), draw):
                pass  # it was gone before its turn came
        except (TaskFailed, Barred) as error:
            draw.fail(error)
        except Exception as error:  # a fault of ours; nobody shall wait for ever
            log.exception("the drawing broke")
            draw.fail(error)

    async def _claim(self, draw: _Draw) -> Engine:
        """The engine that has the model; it does not leave before the claim is given back. Raises TaskFailed or Barred."""
        place = draw.place
        if self.sick or place.barred:
            raise Barred(self.sick or place.barred)
        if place.engine:
            place.engine.claims += 1
            return place.engine
        began = time.monotonic()
        if not place.wanted:
            place.asked_at = began
        waiter: asyncio.Future[Engine] = asyncio.get_running_loop().create_future()
        place.waiting.append(waiter)
        self._stir()
        try:
            engine = await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and not waiter.exception():
                self._give_back(waiter.result())
            self._stir()
            raise
        for order in draw.orders:
            order.load_ms += round((time.monotonic() - began) * 1000)
        return engine

    def _give_back(self, engine: Engine) -> None:
        engine.claims -= 1
        self._stir()

    async def _draw_in(self, engine: Engine, draw: _Draw) -> bool:
        """Waits for the turn, then until the engine has drawn. False when the engine is gone by then."""
        try:
            async with self._turn:
                if self.sick:
                    raise Barred(self.sick)
                if engine.ended:
                    return False
                if present := draw.open():
                    draw.begun = True
                    if self._last and self._last is not engine and not self._last.ended:
                        self._last.rest()
                    self._last = engine
                    engine.draw(present)
                    await engine.free.wait()
                return True
        finally:
            self._give_back(engine)

    # Engines.

    async def run(self) -> None:
        """Keeps what should be in memory there. Cancelled, it leaves no child behind."""
        with contextlib.ExitStack() as held:
            try:
                path = self._config.WORKER_LOCK_DIR / f"darkroom-gpu-{self._config.WORKER_GPU}.lock"
                self._lock = held.enter_context(path.open("a")).fileno()
            except OSError as error:  # only an engine that wants the GPU cannot go on without
                log.warning("the GPU's lock cannot be opened", reason=str(error))
            try:
                while True:
                    self._stirred.clear()
                    await (self._recover() if self.sick else self._tend())
            finally:
                await finish(self._end())

    async def _end(self) -> None:
        for task, draw in list(self._draws.items()):
            draw.fail(Barred("this worker is ending"))
            task.cancel()
        living = list(self._engines)
        for engine in living:
            engine.dismiss()
        try:
            async with asyncio.timeout(GONE_SECONDS):
                for engine in living:
                    await engine.gone()
        except TimeoutError:
            log.error("engines do not end, not even killed", pids=[engine.pid for engine in self._engines])

    async def _tend(self) -> None:
        """Does the most urgent thing, or waits until there is one."""
        now = time.monotonic()
        places = list(self._places.values())
        for place in places:
            if place.barred and now >= place.barred_until:
                place.due = True
        asked = [place for place in places if place.wanted and not place.engine]
        due = [place for place in places if place.due and now >= place.barred_until]
        spare_wanted = self._served and self._config.WORKER_SPARE and self._spare is None
        if asked:
            await self._load(min(asked, key=lambda place: place.asked_at))
        elif due:
            await self._load_unasked(due[0])
        elif spare_wanted and now >= self._spare_from:
            self._spare = await self._spawn(self._standby, gently=True)
        else:
            soonest = min(
                [place.barred_until for place in places if place.barred] + [self._spare_from] * spare_wanted,
                default=math.inf,
            )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(soonest - now if soonest < math.inf else None):
                    await self._stirred.wait()

    async def _load_unasked(self, place: Place) -> None:
        """At the start, after a death, or to see whether what failed works again: only if no other model must leave for it."""
        if self._leaving(place):
            self._leave_cold(place)
        else:
            await self._load(place)

    def _leave_cold(self, place: Place) -> None:
        """It is loaded when a job asks for it."""
        place.due, place.barred = False, ""
        self._stir()

    async def _load(self, place: Place) -> None:
        """Brings a model into memory, and makes room for it before and after: only then is known what it takes."""
        engine = await self._process_for(place)
        if engine is None:
            return
        leaving = self._leaving(place)
        if leaving is None:
            needed, given = (f"{size / (1 << 30):.1f} GiB" for size in (place.size, self.budget))
            self._bar(place, f"it needs {needed} of memory, and models may take {given}", "out_of_memory", math.inf)
        elif leaving and not place.wanted:  # now that the memory is known
            self._leave_cold(place)
        elif (place.wanted or place.due) and await self._make_room(leaving, place) and not engine.ended:
            if engine is self._spare:
                self._spare = None
            await self._load_in(engine, place)
            if place.engine is engine:
                await self._make_room(self._leaving(place) or set(), place)
        if not (engine.loaded or engine is self._spare):
            engine.dismiss()

    async def _load_in(self, engine: Engine, place: Place) -> None:
        name = place.model.id
        self.loading = Loading(name, time.monotonic(), place.load_ms)
        self._stir()
        log.info("loading a model", model=name, pid=engine.pid)
        try:
            await engine.load(place.model)
            if engine.ended:
                raise EngineDied(engine.ended)
        except Unfit as error:
            self._bar(place, str(error), "")
        except Unloadable as error:
            self.sick = ""  # a clear answer: it is the model's fault
            self._bar(place, str(error), error.code)
        except EngineDied as error:
            self._bar(place, f"the engine died: {error}", "engine_error")
        else:
            self.sick = ""
            self._served = True
            place.engine, place.bytes, place.load_ms, place.caps = engine, engine.bytes, engine.load_ms, engine.caps
            place.due, place.barred, place.barred_until = False, "", 0
            place.hand_out()
            metrics.MODEL_LOADS.labels(name).inc()
            metrics.LOAD_SECONDS.labels(name).observe(engine.load_ms / 1000)
            metrics.MODEL_BYTES.labels(name).set(engine.bytes)
            log.info("a model is loaded", model=name, pid=engine.pid, bytes=engine.bytes, load_ms=engine.load_ms)
        finally:
            self.loading = None
            self._stir()

    def _bar(self, place: Place, reason: str, code: str, seconds: float | None = None) -> None:
        """Jobs of this model wait elsewhere. code: of the error that ends the attempts which asked for it; empty: they are given back."""
        name = place.model.id
        place.barred = reason
        place.barred_until = time.monotonic() + (QUARANTINE_SECONDS if seconds is None else seconds)
        log.error("a model is barred", model=name, reason=reason)
        metrics.LOAD_FAILURES.labels(name).inc()
        message = f"{place.model.name or name} could not be loaded on worker {self._config.name}: {reason.rstrip('.')}."
        place.refuse(TaskFailed(code, message, transient=True) if code else Barred(reason))
        self._stir()

    def _leaving(self, place: Place) -> set[str] | None:
        """Who must go for `place` to be there within the budget, least recently used first; None when it never fits."""
        if not place.bytes and place.size > self.budget:
            return None
        others = [other for other in self._places.values() if other.engine and other is not place]
        others.sort(key=lambda other: other.engine.used_at if other.engine else 0)
        if self.loading and self.loading.model != place.model.id:
            others.append(self._places[self.loading.model])
        taken, leaving = place.size + sum(other.size for other in others), set()
        for other in others:
            if taken <= self.budget:
                break
            leaving.add(other.model.id)
            taken -= other.size
        return leaving

    async def _make_room(self, leaving: set[str], place: Place) -> bool:
        """Ends engines once nothing is under way in them. False when nobody wants the place any more: then they stay."""
        going = [(other, other.engine) for name in leaving if (other := self._places[name]).engine]
        for other, _ in going:
            other.engine = None  # takes nothing new
        self._stir()
        for other, engine in going:
            while not (engine.idle or engine.ended):
                if not (place.wanted or place.due or place.engine):
                    self._let_stay(going)
                    return False
                await self.changed.wait()
            if not engine.ended:
                log.info("a model leaves", model=other.model.id, pid=engine.pid, makes_room_for=place.model.id)
                metrics.EVICTIONS.labels(other.model.id).inc()
                engine.dismiss()
                await engine.gone()
        return True

    def _let_stay(self, going: list[tuple[Place, Engine]]) -> None:
        for other, engine in going:
            if not (engine.ended or engine.dismissed):
                other.engine = engine
                other.hand_out()

    async def _process_for(self, place: Place) -> Engine | None:
        """One that can load: the spare, or one started now. None when it died instead."""
        engine = self._spare
        if engine is None or place.model.task not in engine.tasks:
            engine = await self._spawn([place.model.task], gently=self._served and not place.wanted)
        if engine is None:
            return None
        try:
            await engine.ready()
        except EngineDied:
            return None
        if not self.device or engine.device != "cpu":
            self.device = engine.device
            share = CPU_SHARE if self.device == "cpu" else GPU_SHARE
            self.budget = self._config.WORKER_MEMORY or share * engine.memory
        return engine

    async def _spawn(self, tasks: Sequence[str], gently: bool) -> Engine | None:
        engine = Engine(tasks, self._config, self._lock, gently, self._heard)
        try:
            await engine.start()
        except OSError as error:
            self._note_death(f"no process could be started ({error})", frozenset())
            return None
        metrics.ENGINE_STARTS.inc()
        self._engines.add(engine)
        return engine

    async def _recover(self) -> None:
        """Leaves everything alone for a while; then something must come into memory, and pass its check, before work is taken again."""
        log.error("the engines are sick", reason=self.sick)
        await asyncio.sleep(QUARANTINE_SECONDS)
        due = [place for place in self._places.values() if place.due and self._leaving(place) == set()]
        if due:
            await self._load(min(due, key=lambda place: place.barred_until))
        else:
            self.sick = ""
        self._stir()

    def _heard(self, engine: Engine) -> None:
        """Something in an engine has changed."""
        if engine.ended:
            self._bury(engine)
        self._stir()

    def _bury(self, engine: Engine) -> None:
        self._engines.discard(engine)
        if engine.model and engine.loaded:
            place = self._places[engine.model.id]
            metrics.MODEL_BYTES.labels(engine.model.id).set(0)
            if place.engine is engine:
                place.engine, place.due = None, True
        if not engine.dismissed:
            metrics.ENGINE_DEATHS.labels(engine.death).inc()
            if engine.stalled:
                metrics.STALLS.labels(engine.stalled).inc()
            log.error("an engine died", pid=engine.pid, reason=engine.ended, jobs=engine.jobs)
            if engine is self._spare:  # nobody has lost anything
                self._spare_from = time.monotonic() + QUARANTINE_SECONDS
            else:
                loading = [engine.model.id] if engine.model and not engine.loaded else []
                self._note_death(engine.ended, frozenset(engine.jobs or loading))
        if self._spare is engine:
            self._spare = None

    def _note_death(self, reason: str, cause: frozenset[str]) -> None:
        self._deaths.note(cause)
        if self.sick or self._deaths.too_many:
            minutes = WITHIN_SECONDS // 60
            self.sick = f"engines died {self._deaths.count} times in {minutes} minutes, last: {reason}"
            for place in self._places.values():
                place.refuse(Barred(self.sick))

    def _stir(self) -> None:
        self._stirred.set()
        self.changed.set()
        self.changed = asyncio.Event()
        for listener in self.listeners:
            listener()
