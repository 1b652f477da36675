"""The worker: one unit per GPU, each a gunicorn with exactly one process, which starts its own engine."""

from __future__ import annotations

from functools import partial

import environment
import probe
import step
import tools
from process import Process
from settings import CHECKOUT, Settings, host_name

PROJECT = CHECKOUT / "worker-py"
VENV = CHECKOUT / ".venv" / "worker"

# Seconds that gunicorn gives the worker beyond its own grace for the job in hand, and the runner gunicorn beyond that.
MARGIN = 10


def install(settings: Settings) -> None:
    """Fills the worker's environment from the hashed lock: with torch, or without where the engine only simulates."""
    lock = PROJECT / ("requirements-engine.lock" if settings["WORKER_ENGINE"] == "torch" else "requirements.lock")
    tools.sync(settings, VENV, [lock], f"the worker's packages ({lock.name})")


def processes(settings: Settings) -> list[Process]:
    grace = int(settings["WORKER_DRAIN_GRACE"]) + MARGIN
    made = []
    for index in range(int(settings["WORKER_COUNT"])):
        port = int(settings["WORKER_PORT"]) + index
        made.append(
            Process(
                name=f"worker-{index}",
                command=f"{VENV}/bin/gunicorn -k asgi -w 1 --no-control-socket --graceful-timeout {grace}"
                f" -b 127.0.0.1:{port} darkroom_worker.app:app",
                directory=PROJECT,
                environment={**environment_of(settings, index), "DARKROOM_BUILD": _build()},
                probe=partial(probe.http, f"http://127.0.0.1:{port}/readyz"),
                ports={"WORKER_PORT": port},
                priority=50,
                stop_seconds=grace + MARGIN,
            )
        )
    return made


def environment_of(settings: Settings, index: int) -> dict[str, str]:
    return {
        **environment.shared(settings),
        "WORKER_GPU": str(index),
        "WORKER_NAME": f"{settings.get('WORKER_NAME', host_name())}-{index}",
        "WORKER_PORT": str(int(settings["WORKER_PORT"]) + index),
        "PYTHONUNBUFFERED": "1",
    }


def _build() -> str:
    """Part of the environment so that the runner sees changed code as a change and restarts the worker."""
    return step.digest(sorted((PROJECT / "darkroom_worker").rglob("*.py")))[:12]
