"""A message as it comes from the queue: read, or put aside with a reason, or copied to wait."""

from __future__ import annotations

import time
from typing import Any

import structlog
from aio_pika.abc import AbstractIncomingMessage

from darkroom_worker import ends, metrics
from darkroom_worker.clock import Clock
from darkroom_worker.line import Delivery
from darkroom_worker.messages import VERSION, Envelope, Garbage, decode, decode_envelope, version_of
from darkroom_worker.publisher import Publisher
from darkroom_worker.store import StoreAway
from darkroom_worker.topology import Topology
from darkroom_worker.workshop import Workshop

UNKNOWN_VERSION_DELAY_MS = 30_000

log = structlog.get_logger()


class LaterVersion(Exception):
    """A message of a version that a newer worker will know."""

    def __init__(self, job: Envelope) -> None:
        super().__init__(f"job {job.id} comes in a later version")
        self.job = job


class TooOld(Exception):
    """Older than RETENTION: whatever became of it, nobody can ask any more."""


class Intake:
    """Knows what a message must look like, and where it goes when it does not."""

    def __init__(self, workshop: Workshop, topology: Topology, publisher: Publisher, clock: Clock) -> None:
        self._shop = workshop
        self._clock = clock
        self._topology = topology
        self._publisher = publisher

    def read(self, message: AbstractIncomingMessage) -> Delivery | Exception:
        """The job that the message brings, or why there is none: Garbage, LaterVersion or TooOld."""
        version = version_of(message.headers.get("version"), message.body)
        try:
            if version is not None and version > VERSION:
                return LaterVersion(decode_envelope(message.body))
            job = decode(message.body)
        except Garbage as garbage:
            return garbage
        if job.model != message.routing_key:
            return Garbage(f"/model: {job.model} came with routing key {message.routing_key}")
        # Not before its deadline, which may lie beyond RETENTION.
        if (self._clock.now or 0) > max(job.created_at + self._shop.retention * 1000, job.deadline):
            return TooOld(job.id)
        stamp = message.headers.get("published_at")
        published_at = stamp if type(stamp) is int and 0 < stamp < 2**53 else job.created_at
        return Delivery(job, published_at, message, time.monotonic(), str(message.headers.get("traceparent", "")))

    async def refuse(self, message: AbstractIncomingMessage, trouble: Exception) -> None:
        """Puts a message that brings no job where it belongs. Returns once that is confirmed."""
        metrics.DELIVERIES.labels(type(trouble).__name__.lower()).inc()
        log.warning(
            "no job for this worker", job_id=message.message_id, kind=type(trouble).__name__, reason=str(trouble)
        )
        match trouble:
            case TooOld():
                return
            case LaterVersion(job=job):
                try:
                    ended = await ends.expire_unread(self._shop, job)
                except StoreAway:
                    ended = False
                if not ended:
                    await self.delay(message, UNKNOWN_VERSION_DELAY_MS, None)
            case _:
                await self._copy(message, self._topology.dead_exchange, {"reason": f"garbage: {trouble}"[:1000]})

    async def delay(self, message: AbstractIncomingMessage, wait_ms: int, published_at: int | None) -> None:
        """Lets a copy wait. Returns once that is confirmed."""
        changes = {} if published_at is None else {"published_at": published_at}
        await self._copy(message, self._topology.delay_exchange(wait_ms), changes)

    async def _copy(self, message: AbstractIncomingMessage, exchange: str, changes: dict[str, Any]) -> None:
        # The broker's own traces (x-death and the like) belong to the message that is acked now.
        headers = {key: value for key, value in message.headers.items() if not key.startswith("x-")}
        await self._publisher.publish(
            exchange, message.routing_key or "", message.message_id or "", message.body, {**headers, **changes}
        )
