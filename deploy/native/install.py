"""Sets up what a stack needs, each part once: packages, the runner, MinIO, the worker's environment, the gateway."""

from __future__ import annotations

import fcntl
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager

import gateway
import minio
import packages
import step
import tools
import worker
from settings import Settings, cache_dir


def services(settings: Settings) -> None:
    """RabbitMQ, Redis, MinIO and the process runner."""
    with _alone(settings):
        # Debian's own Python comes without the module that fills a new environment.
        venv = [] if importlib.util.find_spec("ensurepip") else ["python3-venv"]
        packages.install([*packages.SERVICES, *venv])
        tools.install(settings)
        minio.install(settings)


def gateways(settings: Settings) -> None:
    gateway.build(settings)


def workers(settings: Settings) -> None:
    with _alone(settings):
        tools.install(settings)
        worker.install(settings)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Two stacks set up at the same moment take turns: they share the cache and the package database."""
    cache_dir(settings).mkdir(parents=True, exist_ok=True)
    with open(cache_dir(settings) / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            step.say("waiting for another set-up on this machine")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
