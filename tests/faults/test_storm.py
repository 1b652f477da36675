"""Two thousand jobs under a hundred seeded faults in every run, always the same ones; SEED draws others, the long one is `make faults`."""

import os
from pathlib import Path

import pytest

from faults.storm import Storm, brew
from system.stack import Stack

SEED = int(os.environ.get("SEED") or 1)


@pytest.mark.timeout(900)
def test_two_thousand_jobs_under_a_hundred_faults_lose_nothing_and_change_no_answer(
    stack: Stack, tmp_path: Path
) -> None:
    print(f"SEED={SEED}", flush=True)
    report = brew(stack, Storm(SEED, jobs=2000, faults=110, seconds=75), tmp_path / "history.jsonl")
    print(report)
    assert not report.wrong, f"{report}\nhistory: {tmp_path}/history.jsonl; again: SEED={SEED}"
    assert report.jobs.total() >= 2000
    assert report.faults.total() >= 100
