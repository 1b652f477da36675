"""What earlier releases left in Redis, RabbitMQ and S3 is read by this one; the gateway's and the worker's own tests read the same samples."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from contract.messages import RETENTION
from contract.scripts import CONTRACT, Scripts

RELEASED = CONTRACT / "examples" / "released"
SUMS = RELEASED / "SHA256SUMS"


def samples(kind: str, *states: str) -> list[Any]:
    found = []
    for file in sorted(RELEASED.glob(f"*/{kind}/*.json")):
        if not states or json.loads(file.read_text())["state"] in states:
            found.append(pytest.param(file, id=f"{file.parent.parent.name}-{file.stem}"))
    assert found
    return found


def job_of(ledger: Scripts, file: Path) -> str:
    """The record as the earlier release left it, live ones a minute before their deadline; answers its id."""
    record = json.loads(file.read_text())
    job = str(json.loads((RELEASED / file.parent.parent.name / "ids.json").read_text())[file.stem])
    ledger.redis.hset(f"job:{job}", mapping=record)
    ledger.now = int(record.get("deadline", ledger.now)) - 60_000
    return job


def test_samples_are_never_edited() -> None:
    """A change that makes an old sample unreadable must not mend the sample."""
    lines = [line.split("  ", 1) for line in SUMS.read_text().splitlines()]
    known = {name: digest for digest, name in lines}
    there = {str(file.relative_to(RELEASED)): file for file in RELEASED.rglob("*") if file.is_file() and file != SUMS}
    assert {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in there.items()} == known


@pytest.mark.parametrize("file", samples("record", "queued", "running"))
def test_a_live_record_of_an_earlier_release_is_claimed_worked_on_and_ended(ledger: Scripts, file: Path) -> None:
    job = job_of(ledger, file)
    record = ledger.record(job)
    word, fence, attempt, *_ = ledger.run("claim", job, record["model"], "gpu-0", ledger.now, 30_000)
    assert (word, int(attempt)) == ("RUN", int(record["attempt"]) + 1)
    assert ledger.run("beat", job, fence, 30_000, "denoising", 1, 20, "") == ["OK"]
    ended = json.loads((file.parent.parent / "verdict" / "succeeded.json").read_text()) | {"id": job}
    assert ledger.run("settle", job, json.dumps(ended), 0, RETENTION)[0] == "SETTLED"
    assert ledger.record(job)["state"] == "succeeded"


@pytest.mark.parametrize("file", samples("record", "succeeded", "failed", "canceled", "tombstone"))
def test_an_ended_record_of_an_earlier_release_stays_as_it_is(ledger: Scripts, file: Path) -> None:
    job = job_of(ledger, file)
    record = ledger.record(job)
    assert ledger.run("claim", job, record.get("model", "simulated"), "gpu-0", ledger.now, 30_000) == [
        "DROP",
        record["state"],
    ]
    assert ledger.record(job) == record


@pytest.mark.parametrize("file", samples("verdict"))
def test_a_lost_record_is_rebuilt_from_a_verdict_of_an_earlier_release(ledger: Scripts, file: Path) -> None:
    verdict = json.loads(file.read_text())
    assert ledger.run("settle", verdict["id"], file.read_text(), 0, RETENTION)[0] == "SETTLED"
    state = "tombstone" if verdict["state"] == "deleted" else verdict["state"]
    assert ledger.record(verdict["id"])["state"] == state
