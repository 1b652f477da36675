"""`darkroom dead`: the letters that no worker could take. Gateways read them all the while: what stays here waits for one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import pika
import typer
from pika.adapters.blocking_connection import BlockingChannel

from darkroom_cli.broker import Broker
from darkroom_cli.screen import AsJson, say, show_json, show_table
from darkroom_cli.settings import Settings
from darkroom_cli.trouble import BadSetting, NotFound, Refused

app = typer.Typer(no_args_is_help=True, help="Look at dead letters, send them again, or throw them away.")

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Ids, as `dead list` shows them.")]
All = Annotated[bool, typer.Option("--all", help="Every letter that lies there.")]


@dataclass(frozen=True)
class Letter:
    """A message in the dead queue; `id` is its message id, or #1 for the first one that has none."""

    id: str
    model: str
    reason: str
    size: int
    tag: int
    body: bytes
    properties: pika.BasicProperties

    @property
    def is_job(self) -> bool:
        """Whether it names the model that would draw it; the worker judges the rest."""
        return bool(self.model)


@app.command("list")
def show(as_json: AsJson = False) -> None:
    """List the letters, and leave them where they are."""
    broker = Broker(Settings())
    with broker.channel() as channel:  # closing it gives back what was read
        rows = [(letter.id, letter.model, letter.size, letter.reason) for letter in _read(channel, broker.dead_queue)]
    if as_json:
        show_json([dict(zip(("id", "model", "bytes", "reason"), row, strict=True)) for row in rows])
    else:
        show_table(("letter", "model", "bytes", "why it is dead"), rows)


@app.command()
def replay(ids: Ids = None, every: All = False) -> None:
    """Send letters to their model's queue again. A job that has ended meanwhile is dropped there."""
    broker = Broker(Settings())

    def send(channel: BlockingChannel, letter: Letter) -> None:
        if not letter.is_job:
            raise Refused(f"letter {letter.id} is no job ({letter.reason}): it can only be dropped")
        headers = {key: value for key, value in (letter.properties.headers or {}).items() if not key.startswith("x-")}
        headers.pop("reason", None)
        letter.properties.headers = headers
        broker.publish(channel, letter.model, letter.body, letter.properties)

    _each(broker, ids, every, send, "sent again")


@app.command()
def drop(ids: Ids = None, every: All = False) -> None:
    """Throw letters away. A job that has not ended is published again from its record all the same."""
    _each(Broker(Settings()), ids, every, lambda channel, letter: None, "dropped")


def _each(
    broker: Broker, ids: list[str] | None, every: bool, act: Callable[[BlockingChannel, Letter], None], done: str
) -> None:
    if bool(ids) == every:
        raise BadSetting("say which letters: their ids, or --all")
    with broker.channel() as channel:
        channel.confirm_delivery()
        letters = _read(channel, broker.dead_queue)
        missing = set(ids or ()) - {letter.id for letter in letters}
        if missing:
            raise NotFound(
                f"there is no letter {', '.join(sorted(missing))}: `darkroom dead list` shows those there are"
            )
        chosen = [letter for letter in letters if every or letter.id in (ids or ())]
        for letter in chosen:
            act(channel, letter)
            channel.basic_ack(letter.tag)
    say(f"{len(chosen)} {done}")


def _read(channel: BlockingChannel, queue: str) -> list[Letter]:
    """All letters that are ready; they are held until the channel closes."""
    letters: list[Letter] = []
    while True:
        method, properties, body = channel.basic_get(queue)
        if method is None:
            return letters
        name = properties.message_id or f"#{len(letters) + 1}"
        letters.append(
            Letter(name, _model(body), _reason(properties), len(body), method.delivery_tag, body, properties)
        )


def _model(body: bytes) -> str:
    try:
        model = json.loads(body)["model"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return model if isinstance(model, str) else ""


def _reason(properties: pika.BasicProperties) -> str:
    headers: dict[str, Any] = properties.headers or {}
    deaths = headers.get("x-death") or [{}]
    return str(headers.get("reason") or deaths[0].get("reason") or "nobody said")
