"""RabbitMQ: it lets us in, takes messages, and its exchanges and queues are those of the treaty."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import (
    AMQPError,
    ChannelClosedByBroker,
    ConnectionBlockedTimeout,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from darkroom_cli.broker import Broker, parameters, why
from darkroom_cli.checks.finding import Finding
from darkroom_cli.settings import Settings

OTHER_ARGUMENTS = 406


def check(settings: Settings, models: Iterable[str]) -> Iterator[Finding]:
    how = parameters(settings)
    try:
        connection = BlockingConnection(how)
    except (AMQPError, OSError) as error:
        yield _shut_out(error, f"{how.host}:{how.port}", how.virtual_host)
        return
    try:
        yield from _topology(connection, Broker(settings), models)
        yield from _alarm(connection)
    finally:
        if connection.is_open:
            connection.close()


def _shut_out(error: Exception, where: str, vhost: str) -> Finding:
    cause = (
        error
        if isinstance(error, ProbableAuthenticationError | ProbableAccessDeniedError)
        else error.__cause__ or error
    )
    match cause:
        case ProbableAuthenticationError():
            code, told = "rabbitmq_credentials", "refuses our user and password"
            do = "put those of the broker into RABBITMQ_URL: amqp://user:password@host:port/"
        case ProbableAccessDeniedError():
            code, told = "rabbitmq_vhost", f"does not let this user into the virtual host {vhost}"
            do = f"make it (rabbitmqctl add_vhost {vhost}, set_permissions), or name another at the end of RABBITMQ_URL"
        case _:
            code, told = "rabbitmq_away", f"gives no answer ({why(error)})"
            do = "start it, or set RABBITMQ_URL to where it listens"
    return Finding(code, f"RabbitMQ at {where} {told}", do, key="RABBITMQ_URL")


def _topology(connection: BlockingConnection, broker: Broker, models: Iterable[str]) -> Iterator[Finding]:
    plan = broker.plan
    for exchange in plan["exchanges"]:
        name, kind = exchange["name"], exchange["type"]
        if not _is_as_declared(connection, lambda channel: channel.exchange_declare(name, passive=True),  # noqa: B023
                               lambda channel: channel.exchange_declare(name, kind, durable=True)):  # noqa: B023 # fmt: skip
            yield Finding(
                "other_exchange",
                f"the exchange {name} is not a durable {kind} exchange: nothing arrives as it should",
                "delete it; it is declared anew by the next gateway or worker that starts or reconnects",
                command=f"rabbitmqadmin delete exchange name={name}",
            )
    for name, arguments in _queues(plan, broker, models):
        if not _is_as_declared(connection, lambda channel: channel.queue_declare(name, passive=True),  # noqa: B023
                               lambda channel: channel.queue_declare(name, durable=True, arguments=arguments)):  # noqa: B023 # fmt: skip
            yield Finding(
                "other_queue",
                f"the queue {name} was declared with other arguments: no gateway and no worker can use it",
                "delete it; it is declared anew, and jobs that waited in it are published again from Redis",
                command=f"rabbitmqctl delete_queue {name}",
            )


def _queues(plan: dict[str, Any], broker: Broker, models: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield plan["dead_queue"]["name"], plan["dead_queue"]["arguments"]
    for delay in plan["delay_queues"]:
        yield delay["name"], plan["delay_arguments"] | {"x-message-ttl": delay["delay_ms"]}
    for model in models:
        yield broker.queue(model), plan["work_queue"]["arguments"]


def _is_as_declared(connection: BlockingConnection, look: Any, declare: Any) -> bool:
    """What is missing is made by whoever starts next: only what is there and differs is wrong."""
    for step in (look, declare):
        channel: BlockingChannel = connection.channel()
        try:
            step(channel)
        except ChannelClosedByBroker as closed:
            return bool(closed.reply_code != OTHER_ARGUMENTS)
        channel.close()
    return True


def _alarm(connection: BlockingConnection) -> Iterator[Finding]:
    """A broker short of memory or disk takes messages from nobody, and says so only to who has published one."""
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.confirm_delivery()
    try:
        channel.basic_publish("", queue, b"{}", mandatory=True)
    except (ConnectionBlockedTimeout, AMQPError) as error:
        yield Finding(
            "rabbitmq_alarm",
            f"RabbitMQ takes no messages ({why(error)}): its memory or its disk is nearly full",
            "give it room: `rabbitmq-diagnostics alarms` says which; see disk_free_limit and vm_memory_high_watermark",
            command="rabbitmq-diagnostics alarms",
        )
