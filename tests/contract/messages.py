"""Ids, fields and verdicts that keep the schemas, for the script tests."""

import hashlib
import json
from typing import Any

from contract.scripts import CONTRACT

RETENTION = 604_800_000  # ms
OWNERS = tuple(hashlib.sha256(f"cookie:{name}".encode()).hexdigest()[:32] for name in ("ann", "bob"))
MODELS = ("simulated", "pocket-studio")

_sample = json.loads((CONTRACT / "examples" / "job" / "valid" / "plain.json").read_text())
_succeeded = json.loads((CONTRACT / "examples" / "verdict" / "valid" / "succeeded.json").read_text())


def job_id(number: int) -> str:
    """An id of the right shape; the scripts do not look inside."""
    return f"{number:027d}00{0:013d}"


def fields(max_attempts: int = 3) -> str:
    return json.dumps(
        {
            "task": "simulated",
            "version": "1",
            "spec": json.dumps(_sample["spec"]),
            "input": json.dumps(_sample["input"]),
            "warnings": "[]",
            "metadata": "{}",
            "seed_drawn": "0",
            "max_attempts": str(max_attempts),
        }
    )


def verdict(
    job: str, state: str, owner: str, model: str | None, created_at: int, deadline: int, now: int, attempt: int = 0
) -> dict[str, Any]:
    """As its producer writes it. Without a model: the verdict of a job known by its id alone."""
    start: dict[str, Any] = {
        "version": 1,
        "id": job,
        "state": state,
        "owner": owner,
        "created_at": created_at,
        "completed_at": now,
    }
    if state == "deleted":
        return start
    start |= {"deadline": deadline, "expires_at": now + RETENTION, "attempt": attempt}
    if model is not None:
        kept = ("spec", "input", "warnings", "metadata", "seed_drawn", "max_attempts")
        start |= {"model": model, "task": "simulated"} | {key: _sample[key] for key in kept}
    if state == "succeeded":
        start |= {key: _succeeded[key] for key in ("images", "started_at", "worker", "timings")} | {
            "attempt": max(attempt, 1)
        }
    if state == "failed":
        start["error"] = {"code": "engine_error", "message": "The engine stopped. Try again.", "retryable": True}
    return start
