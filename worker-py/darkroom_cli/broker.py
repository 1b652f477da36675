"""The broker: how long its queues are, dead letters, and confirmed publishing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, ChannelClosedByBroker, NackError, UnroutableError

from darkroom_cli.settings import Settings
from darkroom_cli.trouble import Away

CONFIRM_SECONDS = 5


@dataclass(frozen=True)
class Depth:
    """A queue as the broker sees it: messages ready, and consumers."""

    ready: int
    consumers: int


class Broker:
    """Every method raises Away when RabbitMQ gives no answer."""

    def __init__(self, settings: Settings) -> None:
        self._parameters = parameters(settings)
        self.plan: dict[str, Any] = json.loads((Path(settings["CONTRACT_DIR"]) / "topology.json").read_text())
        self.dead_queue: str = self.plan["dead_queue"]["name"]

    def queue(self, model: str) -> str:
        return str(self.plan["work_queue"]["name"]).replace("{model}", model)

    @contextmanager
    def channel(self) -> Iterator[BlockingChannel]:
        """A channel of a connection of its own."""
        try:
            connection = pika.BlockingConnection(self._parameters)
        except (AMQPError, OSError) as error:
            where = f"{self._parameters.host}:{self._parameters.port}"
            told = f"RabbitMQ at {where} does not let us in ({why(error)}): start it, or correct RABBITMQ_URL"
            raise Away(told) from error
        try:
            yield connection.channel()
        finally:
            if connection.is_open:
                connection.close()

    def depth(self, queue: str) -> Depth | None:
        """None when there is no such queue."""
        with self.channel() as channel:
            try:
                found = channel.queue_declare(queue, passive=True).method
            except ChannelClosedByBroker:
                return None
        return Depth(found.message_count, found.consumer_count)

    def publish(self, channel: BlockingChannel, model: str, body: bytes, properties: pika.BasicProperties) -> None:
        """Into the model's queue; returns once the broker has confirmed it. The channel must have confirms on."""
        exchange = self.plan["work_queue"]["exchange"]
        try:
            channel.basic_publish(exchange, model, body, properties, mandatory=True)
        except UnroutableError as error:
            raise Away(f"no queue takes jobs of {model}: start a gateway or a worker that knows this model") from error
        except NackError as error:
            raise Away(f"the queue of {model} is full: wait until it is shorter") from error
        except AMQPError as error:
            raise Away(f"the broker confirmed nothing ({why(error)}): see `darkroom doctor`") from error

    def properties(self, message: dict[str, Any], published_at: int) -> pika.BasicProperties:
        """Of a job's message, as the gateways publish it."""
        return pika.BasicProperties(
            delivery_mode=2,
            content_type="application/json",
            message_id=message["id"],
            type=self.plan["message_type"],
            headers={"version": message["version"], "deadline": message["deadline"], "published_at": published_at},
        )


def parameters(settings: Settings) -> pika.URLParameters:
    """How to connect: whom to believe, and how long to wait."""
    made = pika.URLParameters(settings["RABBITMQ_URL"])
    made.socket_timeout = 5
    made.blocked_connection_timeout = CONFIRM_SECONDS
    if made.ssl_options is not None:
        made.ssl_options = pika.SSLOptions(settings.trust(), made.host)
    return made


def why(error: BaseException) -> str:
    """pika's errors often have no text of their own."""
    return str(error) or str(error.__cause__ or "") or type(error).__name__
