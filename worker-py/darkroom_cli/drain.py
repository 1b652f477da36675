"""`darkroom drain`: a worker finishes what it has and takes nothing new, until it is let work again."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from darkroom_cli.ledger import Ledger
from darkroom_cli.screen import say
from darkroom_cli.settings import Settings
from darkroom_cli.trouble import NotFound, Trouble

LOOK_SECONDS = 0.5

Name = Annotated[str, typer.Argument(metavar="WORKER", help="Its name, as `darkroom status` shows it.")]


def drain(
    worker: Name,
    undo: Annotated[bool, typer.Option("--undo", help="Let it take work again.")] = False,
    wait: Annotated[
        int, typer.Option(min=0, max=86_400, help="Seconds to wait until it holds nothing; 0: do not.")
    ] = 600,
) -> None:
    """Let a worker finish what it has and take nothing new: then it can be stopped, and no job waits for it.

    It stays so, also when it is started again, until `--undo`.
    """
    ledger = Ledger(Settings())
    if undo:
        if not ledger.let_work(worker):
            raise NotFound(f"{worker} was not asked to drain")
        say(f"{worker} takes work again within 5 s")
        return
    known = {beat["name"] for beat in ledger.workers()}
    if worker not in known:
        raise NotFound(f"there is no worker {worker}: {', '.join(sorted(known)) or 'none'} are alive")
    ledger.ask_to_drain(worker)
    if wait:
        _until_empty(ledger, worker, wait)


def _until_empty(ledger: Ledger, worker: str, seconds: int) -> None:
    end = time.monotonic() + seconds
    told = None
    while True:
        beat = next((beat for beat in ledger.workers() if beat["name"] == worker), None)
        if beat is None or beat["state"] == "drained":
            say(f"{worker} holds nothing: it can be stopped" if beat else f"{worker} is gone")
            return
        if time.monotonic() > end:
            raise Trouble(f"{worker} still holds {len(beat['held'])} jobs after {seconds} s: it goes on draining")
        if len(beat["held"]) != told:
            told = len(beat["held"])
            say(f"{worker} holds {told} job{'s' * (told != 1)}")
        time.sleep(LOOK_SECONDS)
