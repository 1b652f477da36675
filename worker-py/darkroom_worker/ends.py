"""How a job ends: its verdict is sealed in S3, unless another was first; that one is settled in the ledger."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Literal

import structlog

from darkroom_worker import metrics
from darkroom_worker.messages import Envelope, Failure, Job, Verdict
from darkroom_worker.workshop import Workshop

OVERDUE = "Its time was over before it was finished. Try again, or allow more time."

log = structlog.get_logger()


@dataclass(frozen=True)
class History:
    """What a verdict tells of the attempts at a job; started_at in ms, of the first."""

    attempt: int
    started_at: int | None
    worker: str | None


async def settle_existing(shop: Workshop, job_id: str) -> bool:
    """Takes over the verdict that is there already; False when there is none. Raises StoreAway at once."""
    found = await asyncio.to_thread(shop.store.read_verdict, job_id)
    if found is None:
        return False
    await settle(shop, job_id, found)
    return True


async def end(shop: Workshop, verdict: Verdict) -> str:
    """Seals and settles. Answers the state that is now shown, which may be somebody else's. Raises StoreAway."""
    sealed = await shop.persist(shop.store.create_verdict, verdict.id, verdict.encode())
    state = await settle(shop, verdict.id, sealed)
    code = verdict.error.code if verdict.error else ""
    log.info("ended", job_id=verdict.id, model=verdict.model, state=state, wanted=verdict.state, code=code)
    if state == verdict.state:
        metrics.VERDICTS.labels(verdict.model or "", state, code).inc()
    return state


def verdict_on(
    shop: Workshop, job: Job, state: Literal["succeeded", "failed"], now: int, history: History, **more: Any
) -> Verdict:
    """The complete verdict of a job that ends now (ms, Redis time)."""
    return Verdict(
        id=job.id, state=state, owner=job.owner, model=job.model, task=job.task, spec=job.spec, input=job.input,
        warnings=job.warnings, metadata=job.metadata, seed_drawn=job.seed_drawn, created_at=job.created_at,
        started_at=history.started_at, completed_at=now, deadline=job.deadline, expires_at=now + shop.retention * 1000,
        attempt=history.attempt, max_attempts=job.max_attempts, worker=history.worker, **more,
    )  # fmt: skip


async def expire_unread(shop: Workshop, job: Envelope) -> bool:
    """Ends a job of a version that this worker cannot read, once its time is over. False while it is not. Raises StoreAway."""
    now = await shop.insist(shop.ledger.now)
    if now < job.deadline:
        return False
    failure = Failure(code="deadline", message=OVERDUE, retryable=True)
    verdict = Verdict(
        id=job.id, state="failed", owner=job.owner, error=failure, created_at=job.created_at, completed_at=now,
        deadline=job.deadline, expires_at=now + shop.retention * 1000, attempt=0,
    )  # fmt: skip
    await end(shop, verdict)
    return True


async def settle(shop: Workshop, job_id: str, verdict: bytes) -> str:
    """Writes a sealed verdict into the record. Answers the state that is now shown."""
    _, state = await shop.insist(lambda: shop.ledger.settle(job_id, verdict, shop.retention))
    return state
