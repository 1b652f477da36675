"""A short storm in every run; the long one is `python -m faults.storm`."""

import os
import random
from pathlib import Path

import pytest

from faults.storm import storm
from system.stack import Stack

SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**6))


@pytest.mark.timeout(420)
def test_random_kills_lose_nothing_and_change_no_answer(stack: Stack, tmp_path: Path) -> None:
    report, history = storm(stack, SEED, seconds=25, clients=10, every=4)
    print(report)
    history.write(tmp_path / "history.jsonl")
    assert not report.wrong, f"{report}\nhistory: {tmp_path}/history.jsonl; again: SEED={SEED}"
    assert report.jobs["succeeded"] > 0
    assert report.kills.total() >= 3
