"""The `darkroom` command: its environment, and a script that runs it with the settings of one stack."""

from __future__ import annotations

import shlex
from pathlib import Path

import environment
import gateway
import tools
from settings import CHECKOUT, Settings

PROJECT = CHECKOUT / "worker-py"
LOCK = PROJECT / "requirements-cli.lock"
VENV = CHECKOUT / ".venv" / "cli"


def command(settings: Settings) -> Path:
    """Beside the gateway's binary, which makes the API keys."""
    return gateway.binary(settings).with_name("darkroom")


def install(settings: Settings) -> None:
    """Fills the environment from the hashed lock, and writes the script: it holds passwords, so only its owner reads it."""
    tools.sync(settings, VENV, [LOCK], "the packages of the darkroom command")
    path = command(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o700)
    path.write_text(_script(settings))


def _script(settings: Settings) -> str:
    """What is set where the command is called goes before the stack's own settings."""
    keys = {
        **environment.shared(settings),
        **gateway.environment_of(settings, 0),
        "DARKROOM_URL": gateway.url(settings),
    }
    lines = [f'[ -n "${{{key}+set}}" ] || export {key}={shlex.quote(value)}' for key, value in sorted(keys.items())]
    return "\n".join(
        [
            "#!/bin/sh",
            "# The darkroom command for the stack of this folder; `make up` writes it anew.",
            *lines,
            f"export PYTHONPATH={shlex.quote(str(PROJECT))}",
            f"export PATH={shlex.quote(str(command(settings).parent))}:$PATH",
            f'exec {shlex.quote(str(VENV / "bin" / "python"))} -m darkroom_cli "$@"',
            "",
        ]
    )
