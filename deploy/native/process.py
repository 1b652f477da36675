"""One long-running process of the stack, as the runner needs to know it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """`ports` maps the key that an operator can change to the port that the process listens on.

    `probe` returns when the process can do its work and raises OSError or EOFError when it cannot.
    `priority` orders starting (low first) and stopping (high first); it is no promise that the earlier one is ready.
    `version` stands for what the process reads at start beside its environment: when it changes, the process is restarted.
    `stop_seconds` is the time from SIGTERM to SIGKILL.
    """

    name: str
    command: str
    directory: Path
    probe: Callable[[], None]
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    priority: int = 20
    stop_seconds: int = 10
    version: str = ""
