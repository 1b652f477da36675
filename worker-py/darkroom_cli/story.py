"""What happened to a job, put together from the traces that it left: events, record, verdict, heartbeats. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from darkroom_cli.ledger import LIVE, Record
from darkroom_cli.screen import span

DELIVERIES = {
    "DROP": "it has ended: dropped",
    "LATE": "past its deadline",
    "EXHAUSTED": "no attempt is left",
    "MISSING": "Redis has no record of it",
    "DEFER": "another has it, or its time has not come: comes again later",
}


@dataclass(frozen=True)
class Entry:
    """At ms since 1970; who is a worker, or empty."""

    at: int
    what: str
    who: str = ""


def tell(created: int, events: list[dict[str, Any]], record: Record, verdict: dict[str, Any] | None) -> list[Entry]:
    """In order of time. The stream of events is trimmed: what it has forgotten is told by record and verdict alone."""
    told = [*_changes(events)]
    if not any(entry.what == "submitted" for entry in told):
        told.append(Entry(created, "submitted"))
    source = verdict or json.loads(record.get("verdict", "{}"))
    if source:
        told.append(_end(source))
    if not events and source.get("started_at"):
        told.append(Entry(source["started_at"], "its first attempt began"))
    return sorted(told, key=lambda entry: entry.at)


def now(record: Record, time: int) -> str:
    """Where a live job stands, in a sentence."""
    state = record.get("state")
    if state == "running":
        steps = f", step {record.get('step', 0)} of {record['steps']}" if record.get("steps") else ""
        lease = int(record.get("lease_until", 0)) - time
        kept = f"its lease runs for {span(lease)} more" if lease > 0 else f"its lease is dead since {span(-lease)}"
        return f"{record.get('stage', '')} on {record.get('worker')}{steps}; {kept}"
    if state in LIVE:
        wait = int(record.get("not_before", 0)) - time
        return f"waits for another try, not before {span(wait)} from now" if wait > 0 else "waits in line"
    return ""


def _changes(events: list[dict[str, Any]]) -> Iterator[Entry]:
    """One entry for every state, attempt, stage and delivery; steps in between say nothing new."""
    before: tuple[str | None, ...] = ()
    for event in events:
        if delivery := event.get("delivery"):
            yield Entry(event["at"], f"delivered: {DELIVERIES.get(delivery, delivery)}", event.get("to", ""))
            continue
        state, attempt, stage = event["state"], event.get("attempt"), event.get("stage")
        seen = (state, attempt, stage)
        if seen != before:
            yield Entry(
                event["at"], _words(state, attempt, stage, before), event.get("worker", "") * (state == "running")
            )
        before = seen


def _words(state: str, attempt: str | None, stage: str | None, before: tuple[str | None, ...]) -> str:
    was, tried = (before[0], before[1]) if before else (None, None)
    if state == "submitting":
        return "submitted"
    if state == "running":
        return f"{stage}" if (was, tried) == (state, attempt) else f"attempt {attempt} begins"
    if state == "queued" and stage == "retry_wait":
        return f"attempt {attempt} was given up: waits for another try"
    if state == "queued" and was == "running":
        return "given back to the queue, and the attempt with it"
    if state == "queued":
        return "in line"
    return f"{state} in the ledger"


def _end(verdict: dict[str, Any]) -> Entry:
    """The verdict, which ended it."""
    error = verdict.get("error")
    pictures = verdict.get("images")
    what = f"verdict: {verdict['state']}"
    if error:
        what += f" ({error['code']}): {error['message']}"
    if pictures:
        what += f", {len(pictures)} picture{'s' * (len(pictures) > 1)}"
    return Entry(verdict["completed_at"], what, verdict.get("worker", ""))
