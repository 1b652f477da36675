"""Where the broker is, and how to connect to it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

import aio_pika
from aio_pika.abc import AbstractConnection
from yarl import URL

CONNECT_SECONDS = 10
HEARTBEAT_SECONDS = 15


@dataclass(frozen=True)
class Broker:
    """`url` is amqp:// or amqps://; `trust` decides whom an amqps:// one may be."""

    url: str
    trust: ssl.SSLContext

    async def connect(self, name: str) -> AbstractConnection:
        """A plain connection: what happens when it breaks is decided by whoever holds it."""
        url = URL(self.url).update_query({"heartbeat": str(HEARTBEAT_SECONDS), "name": name})
        return await aio_pika.connect(url, ssl_context=self.trust, timeout=CONNECT_SECONDS)
