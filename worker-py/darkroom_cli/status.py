"""`darkroom status`: is it well, who works, what waits."""

from __future__ import annotations

from typing import Any

import httpx

from darkroom_cli.broker import Broker, Depth
from darkroom_cli.ledger import Ledger
from darkroom_cli.screen import AsJson, say, show_json, show_table, span
from darkroom_cli.settings import Settings
from darkroom_cli.trouble import Away, Trouble


def status(as_json: AsJson = False) -> None:
    """Show gateway, workers, lines and books. Exit status 1 unless all of it is well."""
    settings = Settings()
    ledger = Ledger(settings)
    gateway = readiness(settings)
    workers = [_worker(beat, ledger.now()) for beat in ledger.workers()]
    lines = _lines(ledger, Broker(settings), workers)
    books = ledger.books()
    counts = {**vars(books), "unaccounted": books.unaccounted}
    if as_json:
        show_json({"gateway": gateway, "workers": workers, "lines": lines, "books": counts})
    else:
        _show(gateway, workers, lines, counts)
    if gateway != "ready" or not workers or books.unaccounted:
        raise Trouble("not all is well: `darkroom doctor` says what to do")


def readiness(settings: Settings) -> str:
    """What the gateway's admin listener says: ready, or what it waits for."""
    host, _, port = settings["GATEWAY_ADMIN_ADDR"].rpartition(":")
    host = "127.0.0.1" if host in ("", "0.0.0.0", "[::]") else host  # noqa: S104 - compared, not bound
    try:
        answer = httpx.get(f"http://{host}:{port}/readyz", timeout=5, trust_env=False)
        told = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        return f"no answer at GATEWAY_ADMIN_ADDR {host}:{port} ({type(error).__name__})"
    missing = [f"{name}: {state}" for name, state in told.get("dependencies", {}).items() if state != "ok"]
    return "ready" if told.get("ready") else "; ".join(missing) or f"it answers {answer.status_code}"


def _worker(beat: dict[str, Any], now: int) -> dict[str, Any]:
    return {
        "name": beat["name"],
        "state": beat["state"],
        "reason": beat.get("reason"),
        "asked_to_drain": beat["drain"],
        "held": len(beat["held"]),
        "job": beat.get("job"),
        "stage": beat.get("stage"),
        "models": beat["models"],
        "warm": beat["warm"],
        "barred": beat.get("barred", {}),
        "version": beat["version"],
        "up_ms": now - beat["started_at"],
    }


def _lines(ledger: Ledger, broker: Broker, workers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each model's line, as the ledger and as the broker count it."""
    served = {model for worker in workers for model in worker["models"]}
    found = []
    for model, waiting in ledger.lines(served).items():
        depth = _depth(broker, broker.queue(model))
        can = [worker["name"] for worker in workers if model in worker["models"] and model not in worker["barred"]]
        messages = {"messages": depth.ready, "consumers": depth.consumers} if depth else {}
        found.append(
            {"model": model, "waiting": waiting, "workers": len(can), "messages": None, "consumers": None} | messages
        )
    return found


def _depth(broker: Broker, queue: str) -> Depth | None:
    try:
        return broker.depth(queue)
    except Away as away:
        say(f"note: {away}")
        return None


def _show(gateway: str, workers: list[dict[str, Any]], lines: list[dict[str, Any]], counts: dict[str, int]) -> None:
    print(f"gateway: {gateway}\n")
    show_table(
        ("worker", "state", "holds", "stage", "warm", "up", "version", ""),
        (
            (
                worker["name"],
                worker["state"],
                worker["held"],
                worker["stage"],
                ", ".join(worker["warm"]),
                span(worker["up_ms"]),
                worker["version"],
                worker["reason"] or "; ".join(f"{model} barred: {why}" for model, why in worker["barred"].items()),
            )
            for worker in workers
        ),
    )
    print()
    columns = ("model", "waiting", "messages", "workers")
    show_table(("line", *columns[1:]), ([line[column] for column in columns] for line in lines))
    print()
    show_table(list(counts), [list(counts.values())])
