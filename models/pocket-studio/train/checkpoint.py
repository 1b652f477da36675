"""What a stopped stage needs to go on: written often, whole or not at all."""

from pathlib import Path
from typing import Any

import torch


def save(path: Path, **state: Any) -> None:
    """Replaces the checkpoint in one step: a killed run leaves the old one."""
    unfinished = path.with_suffix(".tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, unfinished)
    unfinished.rename(path)


def load(path: Path) -> dict[str, Any] | None:
    """The last checkpoint, or None when there is none."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    return state


def refuse_after(*later: Path) -> None:
    """Raises ValueError where a later stage has begun that learns from this one as it is."""
    for path in later:
        if path.exists():
            raise ValueError(f"{path} was made with this stage as it is now: it may not go on")
