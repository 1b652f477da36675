"""Failpoints strike when they are asked to, once, and only in test mode."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from darkroom_worker import failpoint
from darkroom_worker.failpoint import Step

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "fail-at"
    failpoint.arm(str(path))
    yield path
    failpoint.arm(None)


STEP = Step("a_step", OSError)


def test_a_line_strikes_at_its_point_at_its_time_and_once(file: Path) -> None:
    with STEP:
        pass
    file.write_text("other.before:error a_step.after:error:2")
    with STEP:
        pass
    with pytest.raises(OSError, match=r"a_step\.after"), STEP:
        pass
    with STEP:
        pass
    assert file.read_text() == "other.before:error"


@pytest.mark.parametrize(("test_mode", "strikes"), [("true", True), ("false", False)])
def test_nothing_strikes_outside_the_test_mode(test_mode: str, strikes: bool, tmp_path: Path) -> None:
    path = tmp_path / "fail-at"
    path.write_text("claim.before:kill")
    script = (
        "import asyncio; from darkroom_worker import app, ledger; app.create_app()\n"
        "async def claim():\n"
        "    async with ledger.STEPS['claim']: pass\n"
        "asyncio.run(claim())"
    )
    environment = os.environ | {"TEST_MODE": test_mode, "WORKER_FAIL_AT": str(path)}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, check=False)
    assert done.returncode == (-9 if strikes else 0)


def test_the_module_lists_every_point() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "darkroom_worker.failpoint"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    assert {"claim.before", "settle.after", "put_verdict.after", "ack.before"} <= set(done.stdout.split())
