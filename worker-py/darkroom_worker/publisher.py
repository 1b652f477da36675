"""Confirmed publishing on a connection of its own: when the broker blocks publishers, acks still flow."""

from __future__ import annotations

import asyncio
import contextlib

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection, HeadersType
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from darkroom_worker.broker import Broker
from darkroom_worker.failpoint import Step
from darkroom_worker.topology import Topology

CONFIRM_SECONDS = 5
PUBLISH = Step("publish", ConnectionError)

log = structlog.get_logger()


class Publisher:
    """One publish in flight at a time; each is repeated until the broker has confirmed it."""

    def __init__(self, broker: Broker, name: str, topology: Topology, models: tuple[str, ...]) -> None:
        self._broker = broker
        self._name = name
        self._topology = topology
        self._models = models
        self._turn = asyncio.Lock()
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None

    async def publish(
        self, exchange: str, routing_key: str, message_id: str, body: bytes, headers: HeadersType
    ) -> None:
        """Returns once the message is in a queue, durably; waits for as long as that takes."""
        message = aio_pika.Message(
            body,
            headers=headers,
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=message_id,
            type=self._topology.message_type,
        )
        pause = 0.5
        async with self._turn:
            while True:
                try:
                    async with PUBLISH:
                        channel = await self._open()
                        target = await channel.get_exchange(exchange, ensure=False)
                        await target.publish(message, routing_key, mandatory=True, timeout=CONFIRM_SECONDS)
                except (*CONNECTION_EXCEPTIONS, TimeoutError) as error:
                    log.warning("not confirmed, trying again", exchange=exchange, job_id=message_id, error=repr(error))
                    await self.close()
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, 5)
                else:
                    return

    async def close(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(*CONNECTION_EXCEPTIONS, TimeoutError):
                async with asyncio.timeout(CONFIRM_SECONDS):
                    await connection.close()

    async def _open(self) -> AbstractChannel:
        if self._channel is None or self._channel.is_closed:
            await self.close()
            self._connection = await self._broker.connect(f"{self._name} publishes")
            # Without on_return_raises an unroutable message would look confirmed.
            self._channel = await self._connection.channel(on_return_raises=True)
            await self._topology.declare(self._channel, self._models)
        return self._channel
