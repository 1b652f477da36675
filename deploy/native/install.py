"""Sets up what running and testing need, each part once: `install.py services worker gateway tests`."""

from __future__ import annotations

import fcntl
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cli
import gateway
import packages
import prometheus
import s3_server
import settings as configuration
import step
import tools
import valkey
import worker
from goprogram import GOVULNCHECK, STATICCHECK, GoProgram
from settings import CHECKOUT, Settings, cache_dir

# What lints and tests everything: the worker with its engine, and the tools.
DEVELOPMENT = CHECKOUT / ".venv" / "dev"
DEVELOPMENT_LOCKS = (
    *worker.LOCKS,
    cli.LOCK,
    CHECKOUT / "worker-py" / "requirements-dev.lock",
    CHECKOUT / "tests" / "requirements.lock",
)


def services(settings: Settings) -> None:
    """RabbitMQ, Redis, the S3 server and the process runner."""
    with _alone(settings):
        packages.install(packages.SERVICES)
        if settings["REDIS_SERVER"] == "valkey":
            valkey.install(settings)
        s3_server.program(settings).install(settings)
        if prometheus.wanted(settings):
            packages.install(packages.OBSERVABILITY)
    runner(settings)


def runner(settings: Settings) -> None:
    """The process runner and the installer of Python packages."""
    with _alone(settings):
        # Debian's own Python comes without the module that fills a new environment.
        if importlib.util.find_spec("ensurepip") is None:
            packages.install(["python3-venv"])
        tools.install(settings)


def worker_environment(settings: Settings) -> None:
    runner(settings)
    with _alone(settings):
        worker.install(settings)


def command(settings: Settings) -> None:
    """`darkroom`, for the stack of this data folder."""
    runner(settings)
    with _alone(settings):
        cli.install(settings)


def gateway_binary(settings: Settings) -> None:
    gateway.build(settings)


def tests(settings: Settings) -> None:
    """What `make test` and `make lint` need beyond a running stack: browser, model checker, linters."""
    runner(settings)
    with _alone(settings):
        packages.install(packages.TESTS)
        STATICCHECK.install(settings)
        tools.sync(settings, DEVELOPMENT, DEVELOPMENT_LOCKS, "the packages of the tests")
        _link(settings, STATICCHECK)


def audit(settings: Settings) -> None:
    """What `make audit` needs beyond the tests."""
    tests(settings)
    with _alone(settings):
        GOVULNCHECK.install(settings)
        _link(settings, GOVULNCHECK)


def images(settings: Settings) -> None:
    """What `make images` needs beyond the tests."""
    with _alone(settings):
        packages.install(packages.IMAGES)


PARTS = {
    "services": services,
    "worker": worker_environment,
    "gateway": gateway_binary,
    "command": command,
    "tests": tests,
    "audit": audit,
    "images": images,
}


def _link(settings: Settings, program: GoProgram) -> None:
    """Puts the program beside those of the development environment."""
    link = DEVELOPMENT / "bin" / program.path(settings).name
    link.unlink(missing_ok=True)
    link.symlink_to(program.path(settings))


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Two that set up at the same moment take turns: they share the cache, the checkout and the package database."""
    cache_dir(settings).mkdir(parents=True, exist_ok=True)
    with open(cache_dir(settings) / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            step.say("waiting for another set-up on this machine")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(names: Sequence[str]) -> int:
    if not names or any(name not in PARTS for name in names):
        return step.fail(f"say what to set up: {', '.join(PARTS)}")
    try:
        settings = configuration.load()
        for name in names:
            PARTS[name](settings)
    except (configuration.BadSetting, step.StepFailed) as error:
        return step.fail(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
