"""The supervisor stays small and free of torch: it must live when the engine does not."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from darkroom_worker import app

ROOT = Path(__file__).resolve().parents[1]


def test_the_supervisor_imports_neither_torch_nor_the_tasks() -> None:
    script = (
        "import sys; import darkroom_worker.app\n"
        "heavy = [name for name in sys.modules if name.split('.')[0] in ('torch', 'diffusers', 'transformers', 'numpy')\n"
        "         or name.startswith('darkroom_worker.tasks')]\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


def test_a_bad_setting_ends_the_start_with_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from darkroom_worker.app import create_app; create_app()"],
        cwd=ROOT, env={"WORKER_GPU": "first"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr.startswith("darkroom-worker: WORKER_GPU=first: ")
    assert len(done.stderr.splitlines()) == 1


def test_gunicorn_does_not_start_it_again_and_again() -> None:
    command = [sys.executable, "-m", "gunicorn", "-k", "asgi", "--no-control-socket", "-b", "127.0.0.1:0"]
    done = subprocess.run(
        [*command, "darkroom_worker.app:create_app()"],
        cwd=ROOT, env={"WORKER_GPU": "first"}, capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode != 0
    assert done.stderr.count("darkroom-worker: WORKER_GPU=first: ") == 1


def test_a_drain_that_breaks_does_not_keep_the_process_from_leaving(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))

    class Broken:
        async def stop(self) -> None:
            raise RuntimeError("the broker said something strange")

    async def story() -> None:
        drain = asyncio.Event()
        drain.set()
        broken: Any = Broken()
        await app._leave(broken, drain)

    asyncio.run(story())
    assert sent == [(os.getpid(), signal.SIGQUIT)]
