"""The tests' own hand in RabbitMQ, past the proxy."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel

JOBS = "darkroom.jobs"
DEAD = "darkroom.dead"


class Broker:
    def __init__(self, url: str) -> None:
        self._parameters = pika.URLParameters(url)

    @contextmanager
    def channel(self) -> Iterator[BlockingChannel]:
        connection = pika.BlockingConnection(self._parameters)
        try:
            yield connection.channel()
        finally:
            connection.close()

    def publish(self, body: bytes, model: str = "simulated", exchange: str = JOBS, **properties: Any) -> None:
        """Confirmed and mandatory; `properties` of pika's BasicProperties."""
        with self.channel() as channel:
            channel.confirm_delivery()
            channel.basic_publish(
                exchange, model, body, pika.BasicProperties(delivery_mode=2, **properties), mandatory=True
            )

    def publish_job(
        self, message: dict[str, Any], copies: int = 1, exchange: str = JOBS, headers: dict[str, Any] | None = None
    ) -> None:
        """A job as a gateway would publish it; on another exchange as if it had come there. `headers` are further ones."""
        headers = (headers or {}) | {
            "version": message["version"],
            "deadline": message["deadline"],
            "published_at": message["created_at"],
        }
        for _ in range(copies):
            self.publish(
                json.dumps(message).encode(),
                message["model"],
                exchange,
                message_id=message["id"],
                type="darkroom.job",
                content_type="application/json",
                headers=headers,
            )

    def depth(self, queue: str) -> int:
        """Messages ready for delivery."""
        with self.channel() as channel:
            return int(channel.queue_declare(queue, passive=True).method.message_count)

    def delete(self, queue: str) -> None:
        with self.channel() as channel:
            channel.queue_delete(queue)

    def unbind(self, queue: str) -> None:
        """A work queue gets no more messages from its exchange."""
        with self.channel() as channel:
            channel.queue_unbind(queue, JOBS, queue.removeprefix(f"{JOBS}."))

    def delete_exchange(self, exchange: str) -> None:
        with self.channel() as channel:
            channel.exchange_delete(exchange)

    def exists(self, queue: str) -> bool:
        try:
            self.depth(queue)
        except pika.exceptions.ChannelClosedByBroker:
            return False
        return True

    def purge(self, queue: str) -> None:
        with self.channel() as channel:
            channel.queue_purge(queue)

    @contextmanager
    def hearing(self, exchange: str) -> Iterator[list[tuple[pika.BasicProperties, bytes]]]:
        """Collects a copy of whatever goes through a fan-out exchange meanwhile."""
        heard: list[tuple[pika.BasicProperties, bytes]] = []
        connection = pika.BlockingConnection(self._parameters)
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, exchange)
        channel.basic_consume(queue, lambda _c, _m, properties, body: heard.append((properties, body)), auto_ack=True)
        consuming = threading.Thread(target=channel.start_consuming, daemon=True)
        consuming.start()
        try:
            yield heard
        finally:
            connection.add_callback_threadsafe(channel.stop_consuming)
            consuming.join(5)
            connection.close()
