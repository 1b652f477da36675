"""A small environment of our own for what sets up and runs the rest: the process runner and the Python installer."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import step
from settings import CHECKOUT, Settings, cache_dir

LOCK = CHECKOUT / "deploy" / "native" / "requirements.lock"


def folder(settings: Settings) -> Path:
    return cache_dir(settings) / f"tools-{_key()[:12]}"


def program(settings: Settings, name: str) -> str:
    return str(folder(settings) / "bin" / name)


def install(settings: Settings) -> None:
    target = folder(settings)
    stamp = target / "stamp"
    if step.is_fresh(stamp, _key()):
        return
    step.run("making an environment for the process runner", [sys.executable, "-m", "venv", "--clear", str(target)])
    step.run(
        "installing supervisor and uv",
        [program(settings, "pip"), "install", "-q", "--disable-pip-version-check", "--require-hashes", "-r", str(LOCK)],
    )
    step.write_stamp(stamp, _key())


def sync(settings: Settings, venv: Path, locks: Sequence[Path], what: str) -> None:
    """Makes `venv` hold exactly what the hashed locks say; nothing is done when it already does."""
    key = step.digest([sys.version, settings["TORCH_BACKEND"], *locks])
    stamp = venv / "stamp"
    if step.is_fresh(stamp, key):
        step.skipped(what)
        return
    uv = program(settings, "uv")
    if not (venv / "bin" / "python").exists():
        step.run(f"making {venv}", [uv, "venv", "-q", "--clear", "--python", sys.executable, str(venv)])
    step.run(f"installing {what}", [uv, "pip", *_request(settings, locks)], {**os.environ, "VIRTUAL_ENV": str(venv)})
    step.write_stamp(stamp, key)


def _request(settings: Settings, locks: Sequence[Path]) -> list[str]:
    """The locks name the builds of the public index; another torch has the same version under other hashes."""
    if not settings["TORCH_BACKEND"]:
        return ["sync", "--require-hashes", *map(str, locks)]
    wanted = [argument for lock in locks for argument in ("-r", str(lock.with_suffix(".in")), "-c", str(lock))]
    return ["install", "--exact", "--no-verify-hashes", "--torch-backend", settings["TORCH_BACKEND"], *wanted]


def _key() -> str:
    return step.digest([sys.version, LOCK])
