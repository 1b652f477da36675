"""The Lua scripts of the contract, run on a real Redis with a clock that the test sets."""

import hashlib
from pathlib import Path
from typing import Any

import redis

CONTRACT = Path(__file__).resolve().parents[2] / "contract"
LUA = CONTRACT / "lua"
START = 1_795_300_000_000  # ms; late November 2026


def names() -> set[str]:
    return {file.stem for file in LUA.glob("*.lua")} - {"prelude"}


def source(name: str) -> str:
    """Prelude and script as a service joins them, but for the clock: `KEYS` (seconds, microseconds) instead of `TIME`."""
    prelude = (LUA / "prelude.lua").read_text()
    clock = "redis.call('TIME')"
    if prelude.count(clock) != 1:
        raise AssertionError(f"prelude.lua must ask for {clock} exactly once")
    return prelude.replace(clock, "KEYS") + "\n" + (LUA / f"{name}.lua").read_text()


class Scripts:
    """`run` answers what the script answers. `now` is Redis' time in ms; only the test moves it."""

    def __init__(self, client: Any) -> None:
        self.redis = client
        self.now = START
        self._sources = {name: source(name) for name in names()}

    def run(self, script: str, *args: object) -> list[str]:
        text = self._sources[script]
        sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        clock = (str(self.now // 1000), str(self.now % 1000 * 1000))
        arguments = (*clock, *map(str, args))
        try:
            return list(self.redis.evalsha(sha, 2, *arguments))
        except redis.exceptions.NoScriptError:
            return list(self.redis.eval(text, 2, *arguments))

    def record(self, job: str) -> dict[str, str]:
        return dict(self.redis.hgetall(f"job:{job}"))
