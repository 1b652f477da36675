"""The ledger, as an operator looks at it: records, lines, books, heartbeats, the story of a job, and the scripts that change one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from darkroom_cli.settings import Settings
from darkroom_cli.trouble import Away

LIVE = ("submitting", "queued", "running")
ENDED = ("succeeded", "failed", "canceled")

# Past this a heartbeat is of a worker that is gone.
HEARTBEAT_MS = 20_000
PAGE = 500

Record = dict[str, str]


@dataclass(frozen=True)
class Books:
    """What was accepted, and what became of it. `unaccounted` is what nobody can tell: it must be 0."""

    accepted: int
    succeeded: int
    failed: int
    canceled: int
    expired: int
    in_flight: int

    @property
    def unaccounted(self) -> int:
        return self.accepted - self.succeeded - self.failed - self.canceled - self.expired - self.in_flight


class Ledger:
    """Every method raises Away when Redis gives no answer within 5 s."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings["REDIS_URL"]
        self._lua = Path(settings["CONTRACT_DIR"]) / "lua"
        self._redis = connect(settings, decode_responses=True)

    def run(self, script: str, *arguments: object) -> list[str]:
        """One script of contract/lua."""
        text = (self._lua / "prelude.lua").read_text() + "\n" + (self._lua / f"{script}.lua").read_text()
        with self._answering():
            return [str(word) for word in self._redis.eval(text, 0, *arguments)]

    def now(self) -> int:
        """Redis time, in ms since 1970."""
        with self._answering():
            seconds, micros = self._redis.time()
        return int(seconds * 1000 + micros // 1000)

    def record(self, job_id: str) -> Record:
        """Empty when there is none."""
        with self._answering():
            return dict(self._redis.hgetall(f"job:{job_id}"))

    def records(self, job_ids: Iterable[str]) -> dict[str, Record]:
        """Those that there are, in the order asked for."""
        wanted = list(job_ids)
        with self._answering():
            pipe = self._redis.pipeline(transaction=False)
            for job_id in wanted:
                pipe.hgetall(f"job:{job_id}")
            return {job_id: dict(found) for job_id, found in zip(wanted, pipe.execute(), strict=True) if found}

    def newest(self) -> Iterator[list[str]]:
        """Ids in pages: every live job first, then the ended ones, the latest to expire first."""
        with self._answering():
            yield list(self._redis.zrange("deadline", 0, -1))
            start = 0
            while page := list(self._redis.zrevrange("gc", start, start + PAGE - 1)):
                yield page
                start += PAGE

    def events(self, job_id: str) -> list[dict[str, Any]]:
        """What the stream still has of this job, oldest first; `at` in ms since 1970."""
        with self._answering():
            entries = self._redis.xrange("events")
        return [{"at": int(key.split("-")[0]), **fields} for key, fields in entries if fields.get("id") == job_id]

    def workers(self) -> list[dict[str, Any]]:
        """The heartbeats of live workers, by name; `drain` is whether an operator asked for it."""
        with self._answering():
            names = sorted(self._redis.zrangebyscore("workers", self.now() - HEARTBEAT_MS, "+inf"))
            if not names:
                return []
            texts = self._redis.mget([f"worker:{name}" for name in names])
            asked = self._redis.mget([f"drain:{name}" for name in names])
        beats = zip(texts, asked, strict=True)
        return [json.loads(text) | {"drain": mark is not None} for text, mark in beats if text]

    def ask_to_drain(self, worker: str) -> None:
        with self._answering():
            self._redis.set(f"drain:{worker}", self.now())

    def let_work(self, worker: str) -> bool:
        """Takes the request to drain back; answers whether there was one."""
        with self._answering():
            return bool(self._redis.delete(f"drain:{worker}"))

    def lines(self, models: Iterable[str]) -> dict[str, int]:
        """How many jobs wait, by model: those given, and any other that has a line."""
        with self._answering():
            names = set(models) | {key.removeprefix("queued:") for key in self._redis.scan_iter("queued:*")}
            return {name: int(self._redis.zcard(f"queued:{name}")) for name in sorted(names)}

    def overdue(self, name: str, grace_ms: int) -> int:
        """Members of a set of times (`outbox`, `deadline`, `unsealed`) whose time was over longer ago than the grace."""
        with self._answering():
            return int(self._redis.zcount(name, "-inf", self.now() - grace_ms))

    def count(self, name: str) -> int:
        with self._answering():
            return int(self._redis.zcard(name))

    def books(self) -> Books:
        """Counted at one moment. An open job whose record is gone is not in flight: nobody can say what became of it."""
        with self._answering():
            counted = self._redis.pipeline(transaction=True)
            counts, still_open, missing = counted.hgetall("ledger").smembers("open").scard("missing").execute()
            live = sum(1 for job_id in still_open if self._is_under_way(job_id))
        ends = {word: int(counts.get(word, 0)) for word in ("accepted", "succeeded", "failed", "canceled", "expired")}
        return Books(**ends, in_flight=live + int(missing))

    def _is_under_way(self, job_id: str) -> bool:
        """Live, or out of the set since, as every job is that ends."""
        return self._redis.hget(f"job:{job_id}", "state") in LIVE or not self._redis.sismember("open", job_id)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except redis.AuthenticationError as error:
            raise Away(f"Redis refuses the password in REDIS_URL ({error}): correct it") from error
        except redis.RedisError as error:
            raise Away(
                f"Redis at {address(self._url)} gives no answer ({error}): start it, or correct REDIS_URL"
            ) from error


def connect(settings: Settings, **more: Any) -> Any:
    """A client that waits 2 s for a connection and 5 s for an answer, unless told otherwise."""
    url = settings["REDIS_URL"]
    if url.startswith("rediss:") and (file := settings["TLS_CA_FILE"]):
        settings.trust()  # complains about a file that cannot be used
        more["ssl_ca_certs"] = file
    return redis.Redis.from_url(url, **{"socket_timeout": 5, "socket_connect_timeout": 2} | more)


def address(url: str) -> str:
    """Host and port, without what is secret in a URL."""
    return url.split("://", 1)[-1].split("/", 1)[0].rpartition("@")[2]
