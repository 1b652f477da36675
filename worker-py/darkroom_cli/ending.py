"""How an operator ends a job: as everybody does, by the verdict that is created first, and then the record."""

from __future__ import annotations

import json
from typing import Any

from darkroom_cli.ledger import LIVE, Ledger, Record
from darkroom_cli.store import Store
from darkroom_cli.trouble import Away, NotFound

CANCELED = {"code": "canceled", "message": "Canceled by the operator.", "retryable": False}

# Fields of the record that are JSON text, of the record that are numbers, and of a job that has begun.
_TEXTS = ("spec", "input", "warnings", "metadata")
_BEGUN = ("step", "steps")


def cancel(ledger: Ledger, store: Store, job_id: str, retention: int) -> str:
    """Ends a live job; answers the state in which it then is: canceled, or the end that was faster. Retention in s."""
    record = ledger.record(job_id)
    if not record:
        found = store.verdict(job_id)
        if found is None:
            raise NotFound(f"nothing is known of {job_id}: its record is lost, so only its owner can end it")
        return str(found["state"])
    if record["state"] not in LIVE:
        return record["state"]
    verdict = canceled(job_id, record, ledger.now(), retention)
    unsealed = 0
    try:
        verdict = store.create_verdict(verdict)
    except Away:
        unsealed = 1  # Redis decides alone, and a gateway writes the verdict when S3 is back
    ledger.run("settle", job_id, json.dumps(verdict, ensure_ascii=False), unsealed, retention * 1000)
    return ledger.record(job_id).get("state", str(verdict["state"]))


def canceled(job_id: str, record: Record, now: int, retention: int) -> dict[str, Any]:
    """The verdict, as contract/verdict.schema.json has it. Now in ms, retention in s."""
    verdict = {
        "version": 1,
        "id": job_id,
        "state": "canceled",
        "owner": record["owner"],
        "created_at": int(record["created_at"]),
        "completed_at": now,
        "deadline": int(record["deadline"]),
        "expires_at": now + retention * 1000,
        "attempt": int(record["attempt"]),
        "max_attempts": int(record["max_attempts"]),
        "model": record["model"],
        "task": record["task"],
        **{name: json.loads(record[name]) for name in _TEXTS},
        "seed_drawn": record["seed_drawn"] == "1",
        "error": CANCELED,
    }
    if "started_at" in record:
        verdict |= {
            "started_at": int(record["started_at"]),
            **{key: int(record[key]) for key in _BEGUN if key in record},
        }
        verdict |= {"worker": record["worker"]} if "worker" in record else {}
    return verdict
