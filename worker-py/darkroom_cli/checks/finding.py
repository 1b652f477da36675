"""One thing that is wrong, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """`code` is stable; `key` is the setting to change, `command` a line for a shell that mends it, where there is one.

    What is not grave works, but not as it should.
    """

    code: str
    what: str
    do: str
    key: str = ""
    command: str = ""
    grave: bool = True
