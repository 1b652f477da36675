"""`darkroom jobs`: everybody's jobs, newest first."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from darkroom_cli.ledger import ENDED, LIVE, Ledger, Record
from darkroom_cli.screen import AsJson, show_json, show_table, span
from darkroom_cli.settings import Settings
from darkroom_cli.trouble import BadSetting

STATES = (*LIVE, *ENDED, "tombstone", "abandoned")


def jobs(
    state: Annotated[str | None, typer.Option(help=f"Only those: {', '.join(STATES)}.")] = None,
    model: Annotated[str | None, typer.Option(help="Only those of this model.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only those of this owner, as `darkroom job` names it.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List jobs of all owners, newest first."""
    if state and state not in STATES:
        raise BadSetting(f"--state {state}: must be one of {', '.join(STATES)}")
    ledger = Ledger(Settings())
    wanted = {"state": state, "model": model, "owner": owner}
    found = _newest(ledger, {key: value for key, value in wanted.items() if value}, limit)
    rows = [_row(job_id, record) for job_id, record in found]
    if as_json:
        show_json(rows)
        return
    now = ledger.now()
    show_table(
        ("job", "state", "model", "worker", "try", "age", "took", ""),
        (
            (
                row["id"],
                row["stage"] or row["state"],
                row["model"],
                row["worker"],
                row["attempt"] or "",
                span(now - row["created_at"]) if row["created_at"] else "",
                span(row["completed_at"] - row["created_at"]) if row["completed_at"] and row["created_at"] else "",
                row["error"],
            )
            for row in rows
        ),
    )


def _newest(ledger: Ledger, wanted: dict[str, str], limit: int) -> list[tuple[str, Record]]:
    """Live ones, and as many ended ones as are needed; an id begins with the time at which it was made."""
    found: dict[str, Record] = {}
    for page in ledger.newest():
        for job_id, record in ledger.records(page).items():
            if all(record.get(key) == value for key, value in wanted.items()):
                found[job_id] = record
        if len(found) >= limit:
            break
    return sorted(found.items(), reverse=True)[:limit]


def _row(job_id: str, record: Record) -> dict[str, Any]:
    verdict = json.loads(record.get("verdict", "{}"))
    live = record["state"] in LIVE
    return {
        "id": job_id,
        "state": record["state"],
        "stage": record.get("stage") if live else None,
        "model": record.get("model"),
        "owner": record["owner"],
        "worker": record.get("worker") or verdict.get("worker"),
        "attempt": int(record.get("attempt", 0)),
        "created_at": int(record.get("created_at", 0)) or None,
        "completed_at": int(record.get("completed_at", 0)) or None,
        "error": (verdict.get("error") or {}).get("code"),
    }
