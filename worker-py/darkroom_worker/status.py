"""What this worker is doing right now: the page that heartbeat, /readyz and the pause of consumption are read from."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

from darkroom_worker import __version__, metrics
from darkroom_worker.attempt import Attempt
from darkroom_worker.pool import Pool

NOT_YET = "not reached yet"


class Status:
    """Written by the consumer and by the checks of the dependencies."""

    def __init__(self, name: str, models: tuple[str, ...], gpu: int, pool: Pool) -> None:
        self._name = name
        self._models = models
        self._gpu = gpu
        self._pool = pool
        self.held: Counter[str] = Counter()  # ids of all unacknowledged messages
        self.attempts: list[Attempt] = []
        self.troubles = {
            "redis": NOT_YET,
            "s3": NOT_YET,
        }  # what keeps the worker from taking work: part -> why
        self.consuming = False
        self.draining = False  # for good: the process is about to leave
        self.asked_to_drain = False  # by an operator, who may take it back
        self.last_busy = time.monotonic()
        self.changed = asyncio.Event()
        self._seen: object = None
        pool.listeners.append(self._look_at_pool)

    def touch(self) -> None:
        """Something that the heartbeat tells has changed."""
        self.last_busy = time.monotonic()
        self.changed.set()

    def _look_at_pool(self) -> None:
        """It changes with every drawing; only some of that is told."""
        pool = self._pool
        seen = (pool.warm, pool.barred, pool.loading, pool.sick, pool.ready)
        if seen != self._seen:
            self._seen = seen
            self.changed.set()

    @property
    def unfit(self) -> dict[str, str]:
        """Why this worker must not take work; empty when it may."""
        reasons = dict(self.troubles)
        if self._pool.sick:
            reasons["engine"] = self._pool.sick
        elif len(barred := self._pool.barred) == len(self._models):
            reasons["engine"] = "; ".join(f"{model} is barred: {why}" for model, why in barred.items())
        if self.draining or self.asked_to_drain:
            reasons["worker"] = "draining"
        return reasons

    @property
    def barred(self) -> dict[str, str]:
        """Models that are not taken work for -> why; the others are."""
        return self._pool.barred

    @property
    def unready(self) -> dict[str, str]:
        """Why /readyz is red; empty when it is green."""
        reasons = self.unfit
        if not self._pool.ready:
            reasons.setdefault("engine", "starting")
        if not self.consuming:
            reasons.setdefault("rabbitmq", "not consuming")
        return reasons

    def measure(self) -> None:
        """Into the metrics."""
        metrics.READY.set(not self.unready)
        metrics.HELD.set(self.held.total())
        for model in self._models:
            metrics.MODEL_BARRED.labels(model).set(model in self.barred)

    def heartbeat(self, now: int, started_at: int) -> dict[str, Any]:
        """The JSON of worker:{name}; times in ms."""
        report: dict[str, Any] = {
            "name": self._name,
            "version": __version__,
            "models": list(self._models),
            "warm": sorted(self._pool.warm),
            "held": list(self.held),
            "state": self._state(),
            "gpu": self._gpu,
            "started_at": started_at,
            "at": now,
        }
        if barred := self._pool.barred:
            report["barred"] = barred
        if loading := self._pool.loading:
            since = now - round((time.monotonic() - loading.since) * 1000)
            report["loading"] = {"model": loading.model, "since": since, "expected_ms": loading.expected_ms}
        if reasons := self.unfit:
            report["reason"] = "; ".join(f"{part}: {why}" for part, why in reasons.items())
        if self.attempts:
            report["job"] = self.attempts[-1].job.id
            report["stage"] = self.attempts[-1].progress.stage
        return report

    def _state(self) -> str:
        if self.draining or self.asked_to_drain:
            return "draining" if self.consuming or self.held else "drained"
        if self._pool.sick:
            return "sick"
        if self.troubles or not self._pool.ready:
            return "paused"
        return "busy" if self.attempts else "ready"
