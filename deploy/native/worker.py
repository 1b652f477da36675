"""The worker: one unit per GPU, each a gunicorn with exactly one process, which starts its own engine."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import environment
import probe
import step
import tools
from process import Process
from settings import CHECKOUT, Settings, data_dir, host_name

PROJECT = CHECKOUT / "worker-py"
LOCKS = (PROJECT / "requirements.lock", PROJECT / "requirements-engine.lock")

# Without one, several stacks on a machine have nothing to keep each other from.
GPU_DRIVER = Path("/dev/nvidiactl")

# Seconds that gunicorn gives the worker beyond its own grace for the job in hand, and the runner gunicorn beyond that.
MARGIN = 10


def venv(settings: Settings) -> Path:
    return CHECKOUT / ".venv" / ("worker" if settings["WORKER_ENGINE"] == "torch" else "worker-simulated")


def install(settings: Settings) -> None:
    """Fills the worker's environment from the hashed locks: with torch, or without where the engine only simulates."""
    locks = LOCKS if settings["WORKER_ENGINE"] == "torch" else LOCKS[:1]
    tools.sync(settings, venv(settings), locks, "the worker's packages (about 5 GB with torch)")


def processes(settings: Settings) -> list[Process]:
    grace = int(settings["WORKER_DRAIN_GRACE"]) + MARGIN
    made = []
    for index in range(int(settings["WORKER_COUNT"])):
        port = int(settings["WORKER_PORT"]) + index
        made.append(
            Process(
                name=f"worker-{index}",
                command=f"{venv(settings)}/bin/gunicorn -c python:darkroom_worker.serving -b 127.0.0.1:{port}",
                directory=PROJECT,
                environment=environment_of(settings, index),
                version=_version(settings),
                probe=partial(probe.http, f"http://127.0.0.1:{port}/readyz"),
                ports={"WORKER_PORT": port},
                priority=50,
                stop_seconds=grace + MARGIN,
            )
        )
    return made


def environment_of(settings: Settings, index: int) -> dict[str, str]:
    gpu = int(settings.get("WORKER_GPU", "0")) + index
    own = {
        "WORKER_GPU": str(gpu),
        "WORKER_NAME": f"{settings.get('WORKER_NAME', host_name())}-{gpu}",
        "WORKER_PORT": str(int(settings["WORKER_PORT"]) + index),
        "WORKER_CACHE_DIR": settings.get("WORKER_CACHE_DIR", str(data_dir(settings) / "cache")),
        "PYTHONUNBUFFERED": "1",
    }
    if settings["WORKER_ENGINE"] == "simulated":
        own["WORKER_MODELS"] = settings.get("WORKER_MODELS", "simulated")
    if not GPU_DRIVER.exists():
        own["WORKER_LOCK_DIR"] = settings.get("WORKER_LOCK_DIR", str(data_dir(settings) / "run"))
    return {**environment.shared(settings), **own}


def _version(settings: Settings) -> str:
    """Code, treaty and catalogue: all that a worker reads at start."""
    treaty = Path(settings["CONTRACT_DIR"])
    files = [*(PROJECT / "darkroom_worker").rglob("*.py"), *treaty.glob("*.json"), *treaty.glob("lua/*.lua")]
    return step.digest([*sorted(files), Path(settings["MODELS_FILE"])])[:12]
