"""The supervisor stays small and free of torch: it must live when the engine does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
    assert done.returncode == 1
    assert done.stderr.startswith("darkroom-worker: WORKER_GPU=first: ")
    assert len(done.stderr.splitlines()) == 1
