"""Who works: workers for every line, a janitor, and nothing that lies about for long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from darkroom_cli.broker import Broker
from darkroom_cli.checks.finding import Finding
from darkroom_cli.ledger import Ledger
from darkroom_cli.settings import Settings
from darkroom_cli.trouble import Away

# A janitor looks every minute at the least; what is older than this it has not seen.
JANITOR_MS = 90_000


def check(settings: Settings) -> Iterator[Finding]:
    try:
        ledger = Ledger(settings)
        workers = ledger.workers()
        yield from _workers(workers)
        yield from _lines(ledger, workers)
        yield from _janitor(ledger)
        yield from _letters(Broker(settings))
    except Away:
        return  # said where that part is looked at


def models(settings: Settings) -> set[str]:
    """Those that have a line, or a worker; none when Redis is away."""
    try:
        ledger = Ledger(settings)
        return set(ledger.lines(model for beat in ledger.workers() for model in beat["models"]))
    except Away:
        return set()


def _workers(workers: list[dict[str, Any]]) -> Iterator[Finding]:
    if not workers:
        do = "start one with the same REDIS_URL, RABBITMQ_URL and S3 settings; if one runs, its log says what it waits for"
        yield Finding("no_worker", "no worker is alive: jobs are taken, and none is drawn", do)
    for beat in workers:
        name = beat["name"]
        if beat["drain"]:
            do = "let it work again when you are done with it"
            yield Finding("drained", f"{name} takes no work: an operator asked it to drain", do,
                          command=f"darkroom drain {name} --undo", grave=False)  # fmt: skip
        elif beat["state"] in ("sick", "paused"):
            do = "look into its log, mend what it says, and restart it if it is sick"
            yield Finding("worker_out", f"{name} is {beat['state']}: {beat.get('reason', 'it starts')}", do)
        for model, why in beat.get("barred", {}).items():
            do = f"look into the log of {name}; while it lasts, others draw {model}, if there are any"
            yield Finding("barred", f"{name} cannot draw {model}: {why}", do)
    if len({beat["version"] for beat in workers}) > 1:
        told = ", ".join(f"{beat['name']} {beat['version']}" for beat in workers)
        yield Finding("versions", f"workers of several versions are alive: {told}", "finish the update", grave=False)


def _lines(ledger: Ledger, workers: list[dict[str, Any]]) -> Iterator[Finding]:
    for model, waiting in ledger.lines(()).items():
        if waiting and workers and not any(model in beat["models"] for beat in workers):
            yield Finding(
                "no_worker_for_model",
                f"{waiting} jobs of {model} wait, and no worker that is alive draws it",
                f"start a worker whose WORKER_MODELS names {model} (or is empty: all of the catalogue)",
                key="WORKER_MODELS",
            )


def _janitor(ledger: Ledger) -> Iterator[Finding]:
    left = {name: ledger.overdue(name, JANITOR_MS) for name in ("outbox", "deadline")}
    if any(left.values()):
        told = f"{left['outbox']} jobs wait to be published, {left['deadline']} are past their deadline"
        do = "run at least one gateway with GATEWAY_JANITOR=true; if one runs, its log says what keeps it"
        yield Finding("no_janitor", f"nobody tidies up: {told}", do, key="GATEWAY_JANITOR")
    unsealed = ledger.overdue("unsealed", JANITOR_MS)
    if unsealed:
        do = "they are written as soon as S3 takes them: look at S3, and at the gateways' logs"
        yield Finding(
            "unsealed", f"{unsealed} jobs ended while S3 was away, and their verdicts are not in S3", do, grave=False
        )


def _letters(broker: Broker) -> Iterator[Finding]:
    depth = broker.depth(broker.dead_queue)
    if depth and depth.ready:
        told = f"{depth.ready} dead letters wait, and {depth.consumers} gateways read them"
        do = "look at them with: darkroom dead list; a gateway with GATEWAY_JANITOR=true reads them by itself"
        yield Finding("dead_letters", told, do, grave=False)
