"""Packages of the distribution, installed without starting the services that they bring."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import step

SERVICES = ("rabbitmq-server", "redis-server")
OBSERVABILITY = ("prometheus",)
# prometheus holds promtool.
TESTS = (
    "spin",
    "gcc",
    "libc6-dev",
    "chromium",
    "fonts-dejavu-core",
    "prometheus",
    "nginx-light",
    "iproute2",
    "openssl",
)

# `make images`.
IMAGES = ("debootstrap",)

UNITS = (
    "rabbitmq-server.service",
    "redis-server.service",
    "prometheus.service",
    "nginx.service",
    "epmd.service",
    "epmd.socket",
)
POLICY = Path("/usr/sbin/policy-rc.d")


def install(names: Sequence[str]) -> None:
    """Installs what is missing of `names`; raises StepFailed where that is not possible."""
    if shutil.which("dpkg-query") is None:
        raise step.StepFailed("this system has no apt: use RUNNER=compose")
    missing = [name for name in names if not _installed(name)]
    if not missing:
        step.skipped(f"system packages ({', '.join(names)})")
        return
    if os.geteuid() != 0:
        raise step.StepFailed(
            f"missing packages; run as root: apt-get install --no-install-recommends {' '.join(missing)}"
        )
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    present = {unit for unit in UNITS if _enabled(unit)}
    with services_kept_from_starting():
        step.run("reading the package lists", ["apt-get", "update", "-q"], environment)
        step.run(
            f"installing {', '.join(missing)}",
            ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing],
            environment,
        )
    for unit in UNITS:
        if unit not in present and _enabled(unit):
            subprocess.run(["systemctl", "disable", "-q", unit], check=False, capture_output=True)


def _installed(name: str) -> bool:
    query = subprocess.run(["dpkg-query", "-W", "-f", "${Status}", name], capture_output=True, text=True, check=False)
    return query.stdout == "install ok installed"


def _enabled(unit: str) -> bool:
    """Whether the machine would start the unit at its next boot."""
    if shutil.which("systemctl") is None:
        return False
    return subprocess.run(["systemctl", "is-enabled", "-q", unit], capture_output=True, check=False).returncode == 0


@contextmanager
def services_kept_from_starting() -> Iterator[None]:
    """The distribution's own way to say no: invoke-rc.d asks this program, 101 means that the action is forbidden."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()
