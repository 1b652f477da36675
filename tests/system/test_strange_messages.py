"""Whatever lies in the queue, the consumer lives, and no message is thrown away unseen."""

import json
from typing import Any

import pytest

from system.books import Books
from system.broker import DEAD, Broker
from system.client import Client
from system.wait import until

STRANGE: dict[str, tuple[bytes, dict[str, Any]]] = {
    "empty": (b"", {}),
    "bytes": (b"\xff\xfe\x00garbage", {}),
    "a list": (b"[1, 2]", {}),
    "deeply nested": (b"[" * 10_000 + b"]" * 10_000, {}),
    "sixteen megabytes": (b'{"version": 1, "prompt": "' + b"x" * (16 << 20) + b'"}', {}),
    "no headers": (b'{"version": 1}', {}),
    "headers of the wrong type": (b"{}", {"headers": {"version": "one", "deadline": "soon"}}),
}


@pytest.mark.parametrize("name", STRANGE)
def test_garbage_is_dead_lettered_with_a_reason_and_the_consumer_lives(
    name: str, client: Client, broker: Broker
) -> None:
    body, properties = STRANGE[name]
    with broker.hearing(DEAD) as heard:
        broker.publish(body, message_id=f"strange-{name}", **properties)
        until(lambda: heard, 10, "it is dead-lettered")
    sent, content = heard[0]
    assert sent.headers["reason"].startswith("garbage: ")
    assert content == body
    client.succeeded(client.accepted())


def test_the_undertaker_empties_the_dead_letters(client: Client, broker: Broker) -> None:
    broker.publish(b"garbage", message_id="garbage")
    until(lambda: broker.depth(DEAD) == 0, 15, "no dead letter is left")
    client.succeeded(client.accepted())


def later(books: Books, owner: str, seconds: int) -> dict[str, Any]:
    message = books.message(owner, books.now() - 5000, seconds)
    kept = ("id", "owner", "model", "created_at", "deadline")
    return {key: message[key] for key in kept} | {"version": 2, "plan": ["of a shape yet to come"]}


def test_a_later_version_waits_for_a_worker_that_knows_it(client: Client, books: Books, broker: Broker) -> None:
    message = later(books, books.owner(client.accepted()), 60)
    with broker.hearing("darkroom.delay.30s") as heard:
        broker.publish_job(message)
        until(lambda: heard, 10, "it waits in a delay queue")
    sent, content = heard[0]
    assert json.loads(content) == message
    assert (sent.headers["version"], sent.message_id) == (2, message["id"])


def test_a_later_version_past_its_deadline_ends(client: Client, books: Books, broker: Broker) -> None:
    message = later(books, books.owner(client.accepted()), 1)
    with broker.hearing("darkroom.delay.30s") as heard:
        broker.publish_job(message)
        until(lambda: (books.verdict(message["id"]) or {}).get("state") == "failed", 15, "a verdict ends it")
        client.succeeded(client.accepted())
    assert client.job(message["id"])["error"]["code"] == "deadline"
    assert not heard, "it does not go round for ever"


def test_the_same_message_a_hundred_times_is_one_run(client: Client, books: Books, broker: Broker) -> None:
    message = books.message(books.owner(client.accepted()), books.now())
    broker.publish_job(message, copies=100)
    seen = client.succeeded(message["id"])
    until(lambda: broker.depth("darkroom.jobs.simulated") == 0, 20, "all copies are met")
    client.succeeded(client.accepted())
    assert client.job(message["id"]) == seen
    assert seen["attempt"] == 1
    pictures = {name for name in books.objects(message["id"]) if not name.endswith("verdict.json")}
    assert len(pictures) == 1


def test_a_message_from_before_the_retention_is_let_go(client: Client, books: Books, broker: Broker) -> None:
    old = books.message(books.owner(client.accepted()), books.now() - 8 * 86_400_000)
    broker.publish_job(old)
    client.succeeded(client.accepted())
    until(lambda: broker.depth("darkroom.jobs.simulated") == 0, 10, "it was met")
    assert books.record(old["id"]) == {}
    assert books.objects(old["id"]) == []
