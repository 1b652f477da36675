"""Passwords and keys of one stack: drawn once, kept in its data folder, readable by its owner alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from settings import Settings, data_dir


def password(settings: Settings, key: str) -> str:
    """The value of `key` if the operator gave one, else the one drawn for this data folder."""
    return settings[key] or _kept(settings, key.lower()).read_text().strip()


def id_keys_file(settings: Settings) -> Path:
    """A file with one key of 64 hex characters a line: the first signs job ids, all verify."""
    return _kept(settings, "id_keys")


def api_keys_file(settings: Settings) -> Path:
    """The gateway's own file of hashed API keys; it is absent until the first key is made."""
    return data_dir(settings) / "secrets" / "api_keys"


def erlang_cookie(settings: Settings) -> str:
    return _kept(settings, "erlang_cookie").read_text().strip()


def _kept(settings: Settings, name: str) -> Path:
    folder = data_dir(settings) / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / name
    if not path.exists():
        draft = folder / f".{name}.{os.getpid()}"
        descriptor = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
        draft.rename(path)
    return path
