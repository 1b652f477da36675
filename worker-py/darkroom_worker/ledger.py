"""The ledger: every change of a record is one script of contract/lua, run in Redis."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError

from darkroom_worker.failpoint import Step

LEASE_MS = 30_000
HEARTBEAT_SECONDS = 20
PREVIEW_SECONDS = 120
REMEMBERED_MS = 7 * 24 * 3600 * 1000  # of a worker that fell silent
OLDEST = 20  # waiting jobs that are looked at: those before them may be waiting for another attempt
# Answers of a Redis that cannot serve now; those with a class of their own (OOM, READONLY, LOADING …) need no word here.
_PASSING = ("BUSY", "MASTERDOWN", "MISCONF", "NOREPLICAS")


class LedgerAway(Exception):
    """Redis gave no answer. What was asked may have happened all the same."""


STEPS = {name: Step(name, LedgerAway) for name in ("claim", "beat", "retry", "release", "restore", "settle")}


@dataclass(frozen=True)
class Run:
    """The job is ours under this fence; now is Redis time in ms. taken_over: another worker let its lease run out."""

    fence: int
    attempt: int
    now: int
    taken_over: bool = False


@dataclass(frozen=True)
class Defer:
    """Somebody works on it, or its time has not come: try again in so many ms."""

    why: str
    wait_ms: int


@dataclass(frozen=True)
class Drop:
    """It has ended in this state."""

    state: str


@dataclass(frozen=True)
class Missing:
    """No record."""


@dataclass(frozen=True)
class Late:
    """Past its deadline: end it."""


@dataclass(frozen=True)
class Exhausted:
    """No attempt is left; reason is why the last one was given up, empty when nobody could say."""

    reason: dict[str, Any]


Claim = Run | Defer | Drop | Missing | Late | Exhausted


class Ledger:
    """Runs the scripts. Every method raises LedgerAway when Redis gives no answer in 5 s, or an error."""

    def __init__(self, url: str, ca_file: str, contract: Path) -> None:
        # A plain connection does not know the option.
        tls: dict[str, Any] = {"ssl_ca_certs": ca_file} if ca_file and url.startswith("rediss:") else {}
        self._redis: Redis = Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=5,
            socket_connect_timeout=2,
            socket_keepalive=True,
            health_check_interval=0,
            # What to repeat is decided here: a script that ran twice may answer differently.
            retry=Retry(NoBackoff(), 0),
            **tls,
        )
        prelude = (contract / "lua" / "prelude.lua").read_text()
        self._scripts = {name: prelude + "\n" + (contract / "lua" / f"{name}.lua").read_text() for name in STEPS}
        self._hashes = {name: hashlib.sha1(text.encode()).hexdigest() for name, text in self._scripts.items()}  # noqa: S324 - Redis names scripts so

    async def close(self) -> None:
        await self._redis.aclose()

    async def claim(self, job_id: str, model: str, worker: str, published_at: int) -> Claim:
        """May this worker run this job now? The attempt is counted before any work."""
        answer = await self._run("claim", job_id, model, worker, published_at, LEASE_MS)
        match answer:
            case ["RUN", fence, attempt, now, before]:
                return Run(int(fence), int(attempt), int(now), before == "lapsed")
            case ["DEFER", why, wait]:
                return Defer(why, int(wait))
            case ["DROP", state]:
                return Drop(state)
            case ["MISSING"]:
                return Missing()
            case ["LATE"]:
                return Late()
            case ["EXHAUSTED", reason]:
                return Exhausted(json.loads(reason))
        raise LedgerAway(f"claim answered {answer[0]}")

    async def beat(self, job_id: str, fence: int, stage: str, step: int, steps: int, preview: str) -> str:
        """I am still at it. Answers OK, ENDED, MISSING or STALE; preview is its revision, or "" when unchanged."""
        return (await self._run("beat", job_id, fence, LEASE_MS, stage, step, steps, preview))[0]

    async def retry(self, job_id: str, fence: int, delay_ms: int, reason: dict[str, Any]) -> tuple[str, int]:
        """Gives the attempt up. Answers (OK, not_before), or (LAST | ENDED | MISSING | STALE, 0)."""
        answer = await self._run("retry", job_id, fence, delay_ms, json.dumps(reason))
        return answer[0], int(answer[1]) if answer[0] == "OK" else 0

    async def release(self, job_id: str, fence: int) -> str:
        """Gives the job back, and the attempt with it. Answers OK, ENDED, MISSING or STALE."""
        return (await self._run("release", job_id, fence))[0]

    async def restore(self, job_id: str, owner: str, model: str, fields: str, created_at: int, deadline: int) -> str:
        """Rebuilds a lost record from the message in hand. Answers RESTORED or PRESENT."""
        return (await self._run("restore", job_id, owner, model, fields, created_at, deadline, 0, 0))[0]

    async def settle(self, job_id: str, verdict: bytes, retention_seconds: int) -> tuple[str, str]:
        """Writes the end of a job into its record. Answers SETTLED or FOUND, and the state that is now shown."""
        answer = await self._run("settle", job_id, verdict, 0, retention_seconds * 1000)
        record = dict(zip(answer[1::2], answer[2::2], strict=True))
        return answer[0], record.get("state", "")

    async def now(self) -> int:
        """Redis time, in ms since 1970."""
        try:
            seconds, micros = await self._redis.time()
        except RedisError as error:
            raise LedgerAway(str(error)) from error
        return int(seconds) * 1000 + int(micros) // 1000

    async def look(self, job_id: str, *fields: str) -> list[str | None]:
        """Fields of a record, None where absent."""
        try:
            found = await self._redis.hmget(f"job:{job_id}", list(fields))
        except RedisError as error:
            raise LedgerAway(str(error)) from error
        return [None if value is None else str(value) for value in found]

    async def overlooked(self, model: str, age_ms: int) -> str | None:
        """A job of this model that has been ready to run for so long and that no worker holds; None where there is none among the oldest."""
        latest = await self.now() - age_ms
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.zrange(f"queued:{model}", 0, OLDEST - 1)
                pipe.zrange("workers", 0, -1)
                ids, workers = await pipe.execute()
            async with self._redis.pipeline(transaction=False) as pipe:
                for job_id in ids:
                    pipe.hmget(f"job:{job_id}", "state", "published_at", "not_before")
                for worker in workers:
                    pipe.get(f"worker:{worker}")
                found = await pipe.execute()
        except RedisError as error:
            raise LedgerAway(str(error)) from error
        held = {job_id for report in found[len(ids) :] if report for job_id in json.loads(report)["held"]}
        for job_id, (state, published_at, not_before) in zip(ids, found, strict=False):
            waits = state == "queued" and published_at and job_id not in held
            if waits and max(int(published_at), int(not_before or 0)) <= latest:
                return str(job_id)
        return None

    async def preview(self, job_id: str, jpeg: bytes) -> None:
        """Stores the latest preview, for a while."""
        try:
            await self._redis.set(f"preview:{job_id}", jpeg, ex=PREVIEW_SECONDS)
        except RedisError as error:
            raise LedgerAway(str(error)) from error

    async def heartbeat(self, worker: str, report: dict[str, Any]) -> bool:
        """Says that this worker lives, and which messages it holds; answers whether an operator asks it to drain."""
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.set(f"worker:{worker}", json.dumps(report), ex=HEARTBEAT_SECONDS)
                pipe.zadd("workers", {worker: report["at"]})
                pipe.zremrangebyscore("workers", "-inf", report["at"] - REMEMBERED_MS)
                pipe.exists(f"drain:{worker}")
                return bool((await pipe.execute())[-1])
        except RedisError as error:
            raise LedgerAway(str(error)) from error

    async def forget(self, worker: str) -> None:
        """This worker is gone in good order."""
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.delete(f"worker:{worker}")
                pipe.zrem("workers", worker)
                await pipe.execute()
        except RedisError as error:
            raise LedgerAway(str(error)) from error

    async def eviction_policy(self) -> str:
        """What Redis does when its memory is full; anything but noeviction loses jobs."""
        try:
            return str((await self._redis.info("memory"))["maxmemory_policy"])
        except RedisError as error:
            raise LedgerAway(str(error)) from error

    async def _run(self, name: str, *arguments: str | int | bytes) -> Sequence[str]:
        async with STEPS[name]:
            try:
                try:
                    answer = await self._redis.evalsha(self._hashes[name], 0, *arguments)
                except NoScriptError:
                    answer = await self._redis.eval(self._scripts[name], 0, *arguments)
            except RedisError as error:
                if type(error) is ResponseError and not str(error).startswith(_PASSING):
                    raise  # the script or its arguments are wrong: waiting does not mend that
                raise LedgerAway(f"{name}: {error}") from error
        return [str(word) for word in answer]
