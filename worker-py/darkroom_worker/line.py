"""The line of waiting jobs, and the rule by which they leave it: which go next, together, and when a model may take another's place. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from darkroom_worker.catalog import Model
from darkroom_worker.messages import Job

TOGETHER = ("text_to_image", "simulated")  # tasks whose jobs can be rows of one batch
PATIENCE_SECONDS = 30  # a job waits so long for a model that is in use to leave, …
PATIENCE_LOADS = 10  # … or as long as so many loads of its own model take, so that loading costs a tenth at most, …
STAY_JOBS = 20  # … and until the model that must leave has begun so many since it came: 5 loads per 100 jobs.
PATIENCE_END = 5  # times its patience: then it waits no longer for those either
LINGER_SECONDS = 2.0  # after a job of a model ended, its next one may be on its way: a short gap in its work is no reason to load another


@dataclass(frozen=True, eq=False)
class Delivery:
    """A job and the message that brought it, when (s, monotonic)."""

    job: Job
    published_at: int  # ms
    message: Any
    arrived: float
    traceparent: str = ""  # of the span that sent it, empty where nothing is traced


class Shelf(Protocol):
    """The models in memory: what the rule asks of the pool."""

    @property
    def warm(self) -> Collection[str]: ...

    def would_evict(self, model_id: str) -> set[str] | None: ...

    def cap(self, model_id: str, width: int, height: int) -> int: ...


@dataclass
class _Stay:
    """A model's time in memory."""

    begun: int = 0  # jobs since it was loaded
    busy: float = float("-inf")  # when a job of it was last at work


@dataclass
class Line:
    """Jobs that are delivered and not begun, in the order in which they came."""

    models: Mapping[str, Model]
    shelf: Shelf
    load_seconds: Callable[[str], float]  # what a load of this model takes, as far as anybody knows
    waiting: list[Delivery] = field(default_factory=list)
    _stays: dict[str, _Stay] = field(default_factory=dict)
    _leaving: dict[str, set[str]] = field(default_factory=dict)  # by the model that is loaded in their place

    def add(self, delivery: Delivery) -> None:
        self.waiting.append(delivery)

    def take(self, out: Callable[[Delivery], bool]) -> list[Delivery]:
        """Takes out those that the caller names."""
        taken = [delivery for delivery in self.waiting if out(delivery)]
        self.waiting = [delivery for delivery in self.waiting if not out(delivery)]
        return taken

    def next(self, now: float, undrawn: Collection[str], unfinished: Collection[str]) -> list[Delivery]:
        """The group to begin now (s, monotonic), taken out of the line; empty when there is none, or not yet.

        `undrawn`: models of jobs that have begun and still need the device, or are loading for it; `unfinished`: of all
        jobs that have begun. One group draws at a time, and beside it one group's model may be loaded.
        """
        warm = self.shelf.warm
        for model in unfinished:
            self._stay(model).busy = now
        loading = {model for model in undrawn if model not in warm}
        self._leaving = {model: out for model, out in self._leaving.items() if model in loading}
        leaving = set().union(*self._leaving.values())
        device_free = loading >= set(undrawn)
        may_load = not loading
        looked_at: set[str] = set()
        for delivery in self.waiting:
            model = delivery.job.model
            if model in leaving:
                continue
            if model in warm:
                if device_free:
                    return self._begin(delivery)
                continue
            if not may_load or model in looked_at:
                continue
            looked_at.add(model)
            out = self.shelf.would_evict(model) or set()
            impatient = self._impatient(delivery, out, now)
            if (impatient or not self._wanted(out, now)) and out.isdisjoint(undrawn):
                self._leaving[model] = out
                self._stays.pop(model, None)
                return self._begin(delivery)
            if impatient:
                # It is next: no new group of those that must leave for it, and no load that could come before its own.
                leaving |= out
                may_load = False
        return []

    def _wanted(self, models: Collection[str], now: float) -> bool:
        """Whether a job needs one of these models, or soon may."""
        return any(delivery.job.model in models for delivery in self.waiting) or any(
            now - self._stay(model).busy < LINGER_SECONDS for model in models
        )

    def _impatient(self, delivery: Delivery, out: Collection[str], now: float) -> bool:
        """Whether this job, the oldest of its model, has waited long enough for those that must leave."""
        waited = now - delivery.arrived
        patience = max(PATIENCE_SECONDS, PATIENCE_LOADS * self.load_seconds(delivery.job.model))
        stayed = all(self._stay(model).begun >= STAY_JOBS for model in out if self._wanted({model}, now))
        return waited >= patience and (stayed or waited >= PATIENCE_END * patience)

    def _begin(self, first: Delivery) -> list[Delivery]:
        """The oldest, and those of its kind that fit beside it, oldest first. Nobody is waited for."""
        spec, model = first.job.spec, first.job.model
        room = self.shelf.cap(model, spec.width, spec.height) - spec.n
        kind = self.kind(first.job)
        group = [first]
        for delivery in self.waiting:
            rows = delivery.job.spec.n
            if kind is not None and delivery is not first and rows <= room and self.kind(delivery.job) == kind:
                group.append(delivery)
                room -= rows
        self.waiting = [delivery for delivery in self.waiting if delivery not in group]
        self._stay(model).begun += len(group)
        return group

    def kind(self, job: Job) -> Hashable | None:
        """Jobs of one kind can be drawn together; None: this one is drawn alone."""
        spec, traits = job.spec, self.models[job.model].traits
        if job.task not in TOGETHER or spec.batch == 1 or spec.image:
            return None
        # Where the class takes one guidance for all rows, theirs must be the same.
        guidance = spec.guidance_scale if traits and not traits.rows else spec.guidance_scale > 1
        return job.model, spec.width, spec.height, spec.steps, spec.scheduler, guidance

    def _stay(self, model: str) -> _Stay:
        return self._stays.setdefault(model, _Stay())
