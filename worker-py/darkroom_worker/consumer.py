"""AMQP and nothing else: connection, prefetch, ack, watchdog, pause, drain."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Collection, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from darkroom_worker import metrics
from darkroom_worker.batcher import Batcher
from darkroom_worker.broker import Broker
from darkroom_worker.catalog import Model
from darkroom_worker.failpoint import Step
from darkroom_worker.intake import Intake
from darkroom_worker.ledger import LedgerAway
from darkroom_worker.line import Delivery
from darkroom_worker.outcome import Ack, Delay, Outcome, Requeue
from darkroom_worker.publisher import CONFIRM_SECONDS
from darkroom_worker.status import Status
from darkroom_worker.topology import Topology
from darkroom_worker.workshop import Workshop

LOOK_SECONDS = 0.5
WATCH_SECONDS = 15
IDLE_SECONDS = 20
# An idle worker gets a message within milliseconds. It is less than the janitor leaves between two publishes of a lost one.
OVERLOOKED_MS = 10_000
FAULT_DELAY_MS = 15_000
RELEASE_SECONDS = 8  # what a drain may take beyond its grace
ACK, REQUEUE = Step("ack", ConnectionError), Step("requeue", ConnectionError)

log = structlog.get_logger()


class Rebuild(Exception):
    """The watchdog found that this connection brings nothing any more; the text says how it knows."""


@dataclass(frozen=True)
class _Tap:
    """A queue that is consumed."""

    queue: AbstractQueue
    tag: str
    prefetch: int


class Consumer:
    """Brings messages to the batcher and carries out what becomes of them."""

    def __init__(
        self, broker: Broker, workshop: Workshop, models: Mapping[str, Model], topology: Topology, status: Status,
        intake: Intake,
    ) -> None:  # fmt: skip
        self._broker = broker
        self._name = workshop.name
        self._models = models
        self._topology = topology
        self._status = status
        self._intake = intake
        self._pool = workshop.pool
        self._ledger = workshop.ledger
        self._batcher = Batcher(workshop, models, status.attempts, self._conclude)
        self._taps: dict[str, _Tap] = {}  # by model
        self._turning = asyncio.Lock()  # one change of taps at a time
        self._tags = itertools.count(1)
        self._connection: AbstractConnection | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # kept, or they might be collected before they end

    async def run(self) -> None:
        """Consumes until it is cancelled, across any number of connections."""
        async with asyncio.TaskGroup() as parts:  # one that breaks ends the other
            parts.create_task(self._batcher.run())
            while True:
                try:
                    await self._consume()
                except (*CONNECTION_EXCEPTIONS, TimeoutError, Rebuild) as error:
                    log.warning("consuming anew", reason=str(error) or repr(error))
                    metrics.REBUILDS.inc()
                self._lose()
                await asyncio.sleep(1)

    async def drain(self, grace: float) -> None:
        """Takes nothing new, finishes what fits into the grace, gives back the rest."""
        self._status.draining = True
        self._status.touch()
        await self._pause(self._models)
        running = set(self._batcher.running)
        log.info("draining", running=len(running), grace=grace)
        if running:
            await asyncio.wait(running, timeout=grace)
        for attempt in self._batcher.running.values():
            attempt.drain()
        if unfinished := set(self._batcher.running):
            await asyncio.wait(unfinished, timeout=RELEASE_SECONDS)

    async def close(self) -> None:
        """Whatever is still unacknowledged goes back to the queue with this."""
        for task in list(self._batcher.running):
            task.cancel()
        if self._connection is not None:
            await _close(self._connection)

    # Receiving.

    async def _consume(self) -> None:
        """One connection's life. Raises when it is over."""
        self._connection = await self._broker.connect(f"{self._name} consumes")
        channel = await self._connection.channel(publisher_confirms=False)
        await self._topology.declare(channel, self._models)
        # Asked once: every answer is a new future that the channel keeps until it closes.
        closed = asyncio.ensure_future(channel.closed())
        watched = time.monotonic()
        while True:
            if channel.is_closed or self._connection.is_closed:
                raise Rebuild("the channel was closed")
            for model in self._models:
                await self._adjust(channel, model)
            if time.monotonic() - watched > WATCH_SECONDS:
                watched = time.monotonic()
                await self._watch()
            await asyncio.wait({closed}, timeout=LOOK_SECONDS)

    async def _adjust(self, channel: AbstractChannel, model: str) -> None:
        """Consumes a model's queue, or not, as the worker and its pool are now."""
        tap = self._taps.get(model)
        if self._status.unfit or model in self._pool.barred:
            if tap:
                await self._pause([model])
            return
        # One that has to be loaded again after a death is on its way: nothing is handed back for that.
        if not tap and model not in self._pool.serving:
            return
        # A group that draws, or is still being stored, holds its messages; as many more can gather meanwhile.
        prefetch = 2 * self._pool.rows(model)
        if tap and tap.prefetch == prefetch:
            return
        async with self._turning:
            if self._taps.get(model) is not tap or self._status.unfit:
                return
            if tap:
                await tap.queue.cancel(tap.tag, timeout=CONFIRM_SECONDS)
            await channel.set_qos(prefetch_count=prefetch)
            queue = await channel.get_queue(self._topology.queue(model), ensure=False)
            # A tag of its own each time: the broker may still know the last one.
            tag = f"{self._name}.{model}.{next(self._tags)}"
            self._taps[model] = _Tap(queue, tag, prefetch)
            await queue.consume(self._receive, consumer_tag=tag, timeout=CONFIRM_SECONDS)
        self._status.consuming = True
        self._status.touch()
        log.info("consuming", model=model, prefetch=prefetch)

    async def _pause(self, models: Collection[str]) -> None:
        """Takes nothing new of these models and hands back what has not begun: another worker may be well."""
        async with self._turning:
            taps = [tap for model in models if (tap := self._taps.pop(model, None))]
            waiting = [delivery for model in models for delivery in self._batcher.empty(model)]
            self._status.consuming = bool(self._taps)
            with contextlib.suppress(*CONNECTION_EXCEPTIONS, TimeoutError):
                async with asyncio.timeout(CONFIRM_SECONDS):
                    for tap in taps:
                        await tap.queue.cancel(tap.tag)
        self._status.touch()
        for delivery in waiting:
            await self._return(delivery.message)

    async def _watch(self) -> None:
        """A look through a channel of its own: client libraries only log a lost queue or a cancelled consumer."""
        assert self._connection is not None  # noqa: S101 - for the type checker
        async with asyncio.timeout(CONFIRM_SECONDS), self._connection.channel() as channel:
            for model in self._models:
                name, tap = self._topology.queue(model), self._taps.get(model)
                found = (await channel.declare_queue(name, passive=True)).declaration_result
                if not tap or self._taps.get(model) is not tap:
                    continue
                if not found.consumer_count:
                    raise Rebuild(f"{name} has no consumer")
                if found.message_count and self._idle:
                    raise Rebuild(f"{name} holds messages and brings none")
        # A queue that was deleted and at once declared anew (seen with RabbitMQ 3.10) still counts the old consumers, and gives them
        # messages that never arrive here.
        for model in list(self._taps) if self._idle else []:
            if (job_id := await self._overlooked(model)) and self._idle:
                raise Rebuild(f"{self._topology.queue(model)} brings nothing, and {job_id} waits")

    @property
    def _idle(self) -> bool:
        return time.monotonic() - self._status.last_busy > IDLE_SECONDS and not self._status.held

    async def _overlooked(self, model: str) -> str | None:
        with contextlib.suppress(LedgerAway):
            return await self._ledger.overlooked(model, OVERLOOKED_MS)
        return None

    async def _receive(self, message: AbstractIncomingMessage) -> None:
        self._status.held[message.message_id or ""] += 1
        self._status.touch()
        received = self._intake.read(message)
        if not isinstance(received, Delivery):
            self._see_to(self._refuse(message, received))
        elif received.job.model in self._taps:
            self._batcher.add(received)
        else:  # it was under way when the pause began
            self._see_to(self._return(message))

    def _see_to(self, work: Coroutine[Any, Any, None]) -> None:
        """In a task of our own: the library cancels those that belong to a channel."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Concluding.

    async def _refuse(self, message: AbstractIncomingMessage, trouble: Exception) -> None:
        """A message that is no job of ours is put where it belongs, then acked."""
        try:
            await self._intake.refuse(message, trouble)
            await self._ack(message)
        finally:
            self._let_go(message)

    async def _return(self, message: AbstractIncomingMessage) -> None:
        """Back to the queue, once no pause is under way: before that the broker would bring it here again."""
        metrics.DELIVERIES.labels("requeue").inc()
        try:
            async with self._turning:
                with contextlib.suppress(*CONNECTION_EXCEPTIONS):
                    async with REQUEUE:
                        await message.nack(requeue=True)
        finally:
            self._let_go(message)

    async def _conclude(self, delivery: Delivery, outcome: Outcome | BaseException) -> None:
        message = delivery.message
        if isinstance(outcome, BaseException):
            log.error("the attempt broke", job_id=delivery.job.id, exc_info=outcome)
            outcome = Delay(FAULT_DELAY_MS)
        if isinstance(outcome, Requeue):
            # Taking nothing comes first, or the same message is back within a millisecond, until its delivery limit.
            if not _is_lost(message):
                await self._pause([delivery.job.model])
            await self._return(message)
            return
        metrics.DELIVERIES.labels(type(outcome).__name__.lower()).inc()
        try:
            match outcome:
                case Ack():
                    await self._ack(message)
                case Delay(wait_ms, published_at):
                    # The broker has requeued what a lost channel brought: a copy would only double it.
                    if not _is_lost(message):
                        await self._intake.delay(message, wait_ms, published_at)
                        await self._ack(message)
        finally:
            self._let_go(message)

    async def _ack(self, message: AbstractIncomingMessage) -> None:
        try:
            async with ACK:
                await message.ack()
        except CONNECTION_EXCEPTIONS:
            log.info("a late ack was dropped", job_id=message.message_id)

    def _let_go(self, message: AbstractIncomingMessage) -> None:
        key = message.message_id or ""
        self._status.held[key] -= 1
        if self._status.held[key] <= 0:
            del self._status.held[key]
        self._status.touch()

    def _lose(self) -> None:
        """The channel is gone, and the broker will bring again what it brought: what has not begun is forgotten."""
        self._taps = {}
        self._status.consuming = False
        for delivery in self._batcher.empty():
            self._let_go(delivery.message)
        if self._connection is not None:
            self._see_to(_close(self._connection))
            self._connection = None


async def _close(connection: AbstractConnection) -> None:
    """A broker that is gone answers no goodbye."""
    with contextlib.suppress(*CONNECTION_EXCEPTIONS, TimeoutError):
        async with asyncio.timeout(CONFIRM_SECONDS):
            await connection.close()


def _is_lost(message: AbstractIncomingMessage) -> bool:
    try:
        return bool(message.channel.is_closed)
    except CONNECTION_EXCEPTIONS:
        return True
