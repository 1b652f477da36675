"""`darkroom job`: the whole story of one."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from darkroom_cli import ids, story
from darkroom_cli.ledger import Ledger
from darkroom_cli.screen import AsJson, say, show_json, show_table, span, time_of
from darkroom_cli.settings import Settings
from darkroom_cli.store import Store
from darkroom_cli.trouble import Away, NotFound

JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id.")]


def job(job_id: JobId, as_json: AsJson = False) -> None:
    """Tell the whole story of a job: every state, attempt and delivery, and what is kept of it."""
    ids.checked(job_id)
    settings = Settings()
    ledger = Ledger(settings)
    record, events = ledger.record(job_id), ledger.events(job_id)
    verdict, objects = _stored(Store(settings), job_id)
    if not record and not verdict and not events:
        raise NotFound(f"nothing is known of {job_id}: no record, no verdict, no event")
    created, deadline = ids.times(job_id)
    told = story.tell(created, events, record, verdict)
    holders = [beat["name"] for beat in ledger.workers() if job_id in beat.get("held", ())]
    facts = {
        "id": job_id,
        "state": record.get("state", (verdict or {}).get("state", "unknown")),
        "now": story.now(record, ledger.now()) or None,
        "model": record.get("model") or (verdict or {}).get("model"),
        "owner": record.get("owner") or (verdict or {}).get("owner"),
        "created_at": created,
        "deadline": deadline,
        "attempts": f"{record.get('attempt', '?')} of {record.get('max_attempts', '?')}",
        "held_by": holders,
        "objects": objects,
        "spec": json.loads(record.get("spec", "null")) or (verdict or {}).get("spec"),
        "reason": json.loads(record.get("reason", "null")),
    }
    if as_json:
        entries = [{"at": entry.at, "what": entry.what, "who": entry.who or None} for entry in told]
        show_json({**facts, "story": entries, "record": record, "verdict": verdict})
        return
    _show(facts, told)


def _stored(store: Store, job_id: str) -> tuple[dict[str, Any] | None, list[str]]:
    """The verdict and the names of the pictures; a story is told without S3 too."""
    try:
        return store.verdict(job_id), [item.key for item in store.objects(f"results/{job_id}/")]
    except Away as away:
        say(f"note: {away}")
        return None, []


def _show(facts: dict[str, Any], told: list[story.Entry]) -> None:
    times = {"created": time_of(facts["created_at"]), "deadline": time_of(facts["deadline"])}
    shown = {key: facts[key] for key in ("id", "state", "now", "model", "owner", "attempts")} | times
    shown |= {"held by": ", ".join(facts["held_by"]) or "no worker", "prompt": (facts["spec"] or {}).get("prompt")}
    if facts["reason"]:
        shown["last failure"] = facts["reason"].get("message") or facts["reason"].get("code")
    show_table(("", ""), [(key, value) for key, value in shown.items() if value])
    print()
    start = told[0].at
    rows = [(time_of(entry.at), f"+ {span(entry.at - start)}", entry.who, entry.what) for entry in told]
    show_table(("time (UTC)", "", "worker", "what happened"), rows)
    if facts["objects"]:
        print()
        show_table(("kept in S3",), [(key,) for key in facts["objects"]])
