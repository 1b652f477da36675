"""Renews the hashed locks: every `requirements*.in` becomes a lock for all platforms that names no package index."""

from __future__ import annotations

import sys

import install
import settings as configuration
import step
import tools
from settings import CHECKOUT

OPTIONS = ("--universal", "--generate-hashes", "--python-version", "3.11", "--no-header")
SILENT = ("--no-emit-index-url", "--no-emit-find-links", "--upgrade", "--quiet")

# One environment holds the worker, its engine and all tests: a later lock keeps the versions of those before it.
INPUTS = (
    "deploy/native/requirements.in",
    "worker-py/requirements.in",
    "worker-py/requirements-engine.in",
    "worker-py/requirements-cli.in",
    "worker-py/requirements-dev.in",
    "tests/requirements.in",
)


def main() -> int:
    try:
        settings = configuration.load()
        install.runner(settings)
        for number, name in enumerate(INPUTS):
            source = CHECKOUT / name
            kept = [
                argument
                for earlier in INPUTS[1:number]
                for argument in ("-c", str((CHECKOUT / earlier).with_suffix(".lock")))
            ]
            step.run(
                f"locking {name}",
                [
                    tools.program(settings, "uv"),
                    "pip",
                    "compile",
                    *OPTIONS,
                    *SILENT,
                    *kept,
                    source.name,
                    "-o",
                    source.with_suffix(".lock").name,
                ],
                directory=source.parent,
            )
    except (configuration.BadSetting, step.StepFailed) as error:
        return step.fail(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
