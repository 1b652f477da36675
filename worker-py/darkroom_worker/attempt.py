"""One message's way through: claim -> engine -> store -> verdict -> settle. It knows no AMQP: it answers what shall become of the message."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import hashlib
import random
import secrets
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

from darkroom_worker import ends, metrics, source
from darkroom_worker import ledger as answers
from darkroom_worker.cancellation import cancel
from darkroom_worker.ends import OVERDUE, History
from darkroom_worker.ledger import LedgerAway
from darkroom_worker.messages import Failure, Image, Job, Timings
from darkroom_worker.order import Drawing, EngineDied, Progress, Request, TaskFailed
from darkroom_worker.outcome import Ack, Delay, Outcome, Requeue
from darkroom_worker.pool import Barred
from darkroom_worker.sitting import FailedTogether, Sitting
from darkroom_worker.store import StoreAway
from darkroom_worker.tracing import Trace
from darkroom_worker.workshop import Workshop

BEAT_SECONDS = 0.5  # a cancel is noticed within two of these, and progress moves at most so often
RETRY_MS = (5_000, 30_000, 120_000)
# An engine that died starts again within a second or two: its job goes on at once, and only then waits.
DEATH_RETRY_MS = (0, 5_000, 30_000)
DEFER_LEASE_MS = 15_000
ENGINE_DIED = "engine_died"  # the reason code that makes an exhausted job poison
LOADING = ("checking", "warming_up")  # stages of a load, which the ledger knows as one
POISON = "This job ended the engine at every attempt. {} Change the request: the same one would do it again."

log = structlog.get_logger()
T = TypeVar("T")


class Halt(enum.Enum):
    """Why a running attempt must stop."""

    ENDED = enum.auto()  # somebody else ended the job
    STALE = enum.auto()  # somebody else works on it
    DEADLINE = enum.auto()
    LIMIT = enum.auto()  # longer than the broker lets a message stay unacknowledged
    DRAIN = enum.auto()


class Attempt:
    """One try at one message, first among the others of its sitting. `progress.drawn` is set when the engine is free for the next.

    arrived: when the message came (s, monotonic). traceparent: of the span that it came from, empty for none.
    """

    def __init__(
        self, workshop: Workshop, job: Job, published_at: int, arrived: float, sitting: Sitting | None = None,
        traceparent: str = "",
    ) -> None:  # fmt: skip
        self.job = job
        self.progress = Progress()
        self._draining = False
        self._shop = workshop
        self._published_at = published_at
        self._begin_until = arrived + workshop.patience
        self._sitting = sitting  # left, or drawn in, by the end of the first claim's work: after that it is drawn alone
        self._halt: asyncio.Future[Halt] = asyncio.get_running_loop().create_future()
        self._claim = answers.Run(0, 0, 0)
        self._claimed_at = 0.0
        self._traceparent = traceparent
        self._trace = Trace()
        self._log = log.bind(job_id=job.id, model=job.model)

    def drain(self) -> None:
        """Give the job back, unless it ends by itself first."""
        self._draining = True
        self._stop(Halt.DRAIN)

    async def run(self) -> Outcome:
        """Works until the message's fate is clear."""
        with self._shop.tracer.attempt(self.job, self._traceparent) as self._trace:
            outcome = await self._run()
            self._trace.note(outcome=type(outcome).__name__.lower())
            return outcome

    async def _run(self) -> Outcome:
        try:
            while True:
                try:
                    outcome = await self._once()
                finally:
                    if sitting := self._take_sitting():
                        sitting.leave()
                if outcome is not None:
                    return outcome
        finally:
            self.progress.drawn.set()

    async def _once(self) -> Outcome | None:
        """One claim and what follows from it; None to claim again."""
        shop, job = self._shop, self.job
        self._halt = asyncio.get_running_loop().create_future()
        if self._draining or await self._until_halt(shop.pool.usable(job.model)) is not True:
            return Requeue()
        if time.monotonic() > self._begin_until:
            return Requeue()
        claim = await shop.insist(lambda: shop.ledger.claim(job.id, job.model, shop.name, self._published_at))
        match claim:
            case answers.Drop():
                return Ack()
            case answers.Defer("lease", _):
                return Delay(DEFER_LEASE_MS)
            case answers.Defer(_, wait_ms):
                return Delay(wait_ms)
            case answers.Run():
                return await self._work(claim)
        try:
            match claim:
                case answers.Late():
                    return await self._end_late()
                case answers.Exhausted(reason):
                    return await self._end_exhausted(reason)
                case _:
                    return await self._find_or_restore()
        except StoreAway as error:
            # S3 away is never "no verdict": the message is kept and tried later.
            self._log.warning("the store is away, the message waits", error=str(error))
            return Delay(DEFER_LEASE_MS)

    # Ends without work.

    async def _find_or_restore(self) -> Outcome | None:
        """No record: Redis lost it, or it never was."""
        if await ends.settle_existing(self._shop, self.job.id):
            return Ack()
        if await self._shop.insist(self._shop.ledger.now) >= self.job.deadline:
            return await self._end_late()
        job = self.job
        fields = job.fields(self._traceparent)
        await self._shop.insist(
            lambda: self._shop.ledger.restore(job.id, job.owner, job.model, fields, job.created_at, job.deadline)
        )
        self._log.info("record restored")
        # Somebody may have ended it between the look and the restoring.
        return Ack() if await ends.settle_existing(self._shop, job.id) else None

    async def _end_late(self) -> Outcome:
        return await self._end_unclaimed(Failure(code="deadline", message=OVERDUE, retryable=True))

    async def _end_exhausted(self, reason: dict[str, Any]) -> Outcome:
        if reason.get("code") == ENGINE_DIED:
            failure = Failure(code="poison", message=POISON.format(reason["message"]), retryable=False)
        else:
            before = f" The attempt before: {reason['message']}" if reason.get("message") else ""
            message = f"The worker was lost at the last attempt. Try again.{before}"
            failure = Failure(code="worker_lost", message=message, retryable=True)
        return await self._end_unclaimed(failure)

    async def _end_unclaimed(self, failure: Failure) -> Outcome:
        """What the record knows of earlier attempts goes into the verdict; nothing when it is gone."""
        shop = self._shop
        attempt, started, worker = await shop.insist(
            lambda: shop.ledger.look(self.job.id, "attempt", "started_at", "worker")
        )
        history = History(int(attempt or 0), int(started) if started else None, worker)
        now = await shop.insist(shop.ledger.now)
        await ends.end(shop, ends.verdict_on(shop, self.job, "failed", now, history, error=failure))
        return Ack()

    # Work.

    async def _work(self, claim: answers.Run) -> Outcome | None:
        self._claim, self._claimed_at = claim, time.monotonic()
        self.progress = Progress()
        metrics.ATTEMPTS.labels(self.job.model).inc()
        if claim.taken_over:
            metrics.TAKEOVERS.labels(self.job.model).inc()
        self._trace.note(attempt=claim.attempt)
        self._log.info("claimed", attempt=claim.attempt, fence=claim.fence)
        beats = asyncio.create_task(self._beat_on())
        left = max(0.0, (self.job.deadline - claim.now) / 1000)
        timer = asyncio.get_running_loop().call_later(
            min(left, self._shop.limit), self._stop, Halt.DEADLINE if left < self._shop.limit else Halt.LIMIT
        )
        try:
            return await self._draw_and_end()
        except StoreAway as error:
            message = f"The store of pictures could not be reached ({error}). Try again later."
            return await self._give_up("storage_unavailable", message, RETRY_MS)
        except source.SourceGone as error:
            return await self._fail(Failure(code="refused", message=str(error), retryable=False))
        except Barred as error:
            self._log.warning("given back", why=str(error))
            await self._release()
            return Requeue()
        except FailedTogether as error:
            # Nobody pays for what another may have done: the attempt is given back, and the next is drawn alone.
            self._log.warning("tried again alone", error=str(error))
            await self._release()
            return None
        except EngineDied as error:
            return await self._give_up(ENGINE_DIED, f"The engine died: {error}.", DEATH_RETRY_MS)
        except TaskFailed as error:
            if error.transient:
                return await self._give_up(error.code, error.message, RETRY_MS)
            return await self._fail(Failure(code=error.code, message=error.message, retryable=False, **self._where()))
        finally:
            timer.cancel()
            await cancel(beats)

    async def _draw_and_end(self) -> Outcome | None:
        if self._claim.attempt > 1:
            found = await self._until_halt(self._shop.persist(self._shop.store.read_verdict, self.job.id))
            if isinstance(found, Halt):
                return await self._leave(found)
            if found is not None:
                await ends.settle(self._shop, self.job.id, found)
                return Ack()
        drawing = await self._until_halt(self._draw())
        if isinstance(drawing, Halt):
            return await self._leave(drawing)
        self._tell_stages(drawing)
        began = time.monotonic()
        self.progress.stage = "uploading"
        images = await self._until_halt(self._upload(drawing))
        if isinstance(images, Halt):
            return await self._leave(images)
        upload_ms = round((time.monotonic() - began) * 1000)
        self._trace.stage("upload", upload_ms, time.time())
        # From here on it ends, one way or the other: no halt is heard any more.
        await self._succeed(drawing, images, upload_ms)
        return Ack()

    def _tell_stages(self, drawing: Drawing) -> None:
        """The engine has just told how long each took; they followed one another, as far as one job is concerned."""
        until = time.time()
        for name, took_ms in (
            ("encode", drawing.encode_ms),
            ("decode", drawing.decode_ms - drawing.encode_ms),
            ("denoise", drawing.denoise_ms),
            ("load", drawing.load_ms),
        ):
            if took_ms:
                self._trace.stage(name, took_ms, until)
            until -= took_ms / 1000

    async def _draw(self) -> Drawing:
        """The first attempt among the others of its sitting; a later one alone: it may be the one that ends engines."""
        image = await source.fetch(self._shop, self.job)
        sitting = self._take_sitting() if self._claim.attempt == 1 else None
        sitting = sitting or Sitting(self._shop.pool, 1)
        return await sitting.draw(Request(self.job.model_dump(), self._claim.attempt, self.progress, image))

    def _take_sitting(self) -> Sitting | None:
        sitting, self._sitting = self._sitting, None
        return sitting

    async def _until_halt(self, work: Coroutine[Any, Any, T]) -> T | Halt:
        """The work's result, or why it must stop; then it has stopped. The first of the two counts."""
        task = asyncio.create_task(work)
        task.add_done_callback(
            lambda done: done.cancelled() or done.exception()
        )  # it may end when nobody looks any more
        either: set[asyncio.Future[Any]] = {task, self._halt}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
        finally:
            await cancel(task)
        return self._halt.result()

    async def _leave(self, halt: Halt) -> Outcome | None:
        self._log.info("stopped", why=halt.name.lower(), **self._where())
        match halt:
            case Halt.ENDED:
                return Ack()
            case Halt.STALE:
                return None
            case Halt.DEADLINE:
                return await self._fail(Failure(code="deadline", message=OVERDUE, retryable=True, **self._where()))
            case Halt.LIMIT:
                message = f"It took longer than the {self._shop.limit:.0f} s that one attempt may take. Ask for less."
                return await self._fail(Failure(code="engine_error", message=message, retryable=False, **self._where()))
            case Halt.DRAIN:
                # Once, whatever comes of it: there is no time to wait for a ledger that is away.
                with contextlib.suppress(LedgerAway):
                    await self._shop.ledger.release(self.job.id, self._claim.fence)
                metrics.RELEASES.inc()
                return Requeue()

    async def _release(self) -> None:
        """Gives the claim back, and the attempt with it; whatever the ledger answers, the next claim finds out."""
        await self._shop.insist(lambda: self._shop.ledger.release(self.job.id, self._claim.fence))

    async def _upload(self, drawing: Drawing) -> list[Image]:
        """A prefix of this attempt's own: nothing is ever overwritten. Raises StoreAway when the budget is over."""
        prefix = f"results/{self.job.id}/{self._claim.fence}-{secrets.token_hex(4)}"
        images = []
        for index, picture in enumerate(drawing.pictures):
            key = f"{prefix}/{index}.{picture.extension}"
            await self._shop.persist(self._shop.store.put, key, picture.data, picture.content_type)
            images.append(
                Image(index=index, key=key, content_type=picture.content_type, width=picture.width, height=picture.height,
                      size_bytes=len(picture.data), sha256=hashlib.sha256(picture.data).hexdigest(), seed=picture.seed)
            )  # fmt: skip
        return images

    async def _succeed(self, drawing: Drawing, images: list[Image], upload_ms: int) -> None:
        started, now = await self._started_at(), self._now()
        timings = Timings(
            queue_ms=max(0, started - self.job.created_at), load_ms=drawing.load_ms, denoise_ms=drawing.denoise_ms,
            decode_ms=drawing.decode_ms, upload_ms=upload_ms, work_ms=now - self._claim.now,
            total_ms=max(0, now - self.job.created_at),
        )  # fmt: skip
        history = History(self._claim.attempt, started, self._shop.name)
        more = {"images": images, "timings": timings, **self._where()}
        drawn = self.job.model_copy(
            update={
                "spec": self.job.spec.model_copy(update={"batch": drawing.batch}),
                "warnings": [*self.job.warnings, *drawing.warnings],
            }
        )
        state = await ends.end(self._shop, ends.verdict_on(self._shop, drawn, "succeeded", now, history, **more))
        if state == "succeeded":
            metrics.IMAGES.labels(self.job.model).inc(len(images))
            self._measure(timings, drawing.encode_ms)

    def _measure(self, timings: Timings, encode_ms: int) -> None:
        """Into the metrics. A verdict counts encoding as part of decoding."""
        took = {name.removesuffix("_ms"): ms for name, ms in timings.model_dump(exclude_none=True).items()}
        took |= {"encode": encode_ms, "decode": took["decode"] - encode_ms}
        example = {"trace_id": self._trace.id} if self._trace.id else None
        for stage in metrics.STAGES:
            metrics.STAGE_SECONDS.labels(self.job.model, stage).observe(took[stage] / 1000, example)

    async def _give_up(self, code: str, message: str, delays: tuple[int, ...]) -> Outcome | None:
        """A transient error: back to the queue for later, or the end when no attempt is left."""
        index = min(self._claim.attempt, len(delays)) - 1
        delay = round(delays[index] * random.uniform(0.8, 1))  # noqa: S311 - jitter, below what the delay queue waits
        reason = {"code": code, "message": message, **self._where()}
        self._log.warning("attempt failed", code=code, error=message, attempt=self._claim.attempt)
        word, not_before = await self._shop.insist(
            lambda: self._shop.ledger.retry(self.job.id, self._claim.fence, delay, reason)
        )
        if word == "OK":
            metrics.RETRIES.labels(code).inc()
            if delay == 0:
                self._published_at = not_before
                return None
            return Delay(delay, not_before)
        if word != "LAST":
            return None
        if code == ENGINE_DIED:
            code, message = "poison", POISON.format(message)
        retryable = code not in ("poison", "out_of_memory")
        return await self._fail(Failure(code=code, message=message, retryable=retryable, **self._where()))

    async def _fail(self, failure: Failure) -> Outcome:
        history = History(self._claim.attempt, await self._started_at(), self._shop.name)
        more = {"error": failure, "step": failure.step, "steps": failure.steps}
        try:
            await ends.end(self._shop, ends.verdict_on(self._shop, self.job, "failed", self._now(), history, **more))
        except StoreAway as error:
            self._log.warning("the store is away, the message waits", error=str(error))
            return Delay(DEFER_LEASE_MS)
        return Ack()

    async def _started_at(self) -> int:
        """When the first attempt began."""
        if self._claim.attempt == 1:
            return self._claim.now
        with contextlib.suppress(LedgerAway):
            started = (await self._shop.ledger.look(self.job.id, "started_at"))[0]
            if started:
                return int(started)
        return self._claim.now

    def _where(self) -> dict[str, int]:
        return {"step": self.progress.step, "steps": self.progress.steps} if self.progress.steps else {}

    def _now(self) -> int:
        """Redis time, carried on by the local clock since the claim."""
        return self._claim.now + round((time.monotonic() - self._claimed_at) * 1000)

    async def _beat_on(self) -> None:
        """Says twice a second how far it is, and hears when the job has ended. Redis away is no reason to stop."""
        stored = 0
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            progress, revision = self.progress, ""
            try:
                if progress.preview is not None and progress.preview_number > stored:
                    await self._shop.ledger.preview(self.job.id, progress.preview)
                    stored, revision = progress.preview_number, str(self._now())
                stage = "loading_model" if progress.stage in LOADING else progress.stage
                word = await self._shop.ledger.beat(
                    self.job.id, self._claim.fence, stage, progress.step, progress.steps, revision
                )
            except LedgerAway as error:
                self._log.warning("no answer to a beat", error=str(error))
                continue
            if word in ("ENDED", "STALE"):
                self._stop(Halt[word])
                return

    def _stop(self, halt: Halt) -> None:
        if not self._halt.done():
            self._halt.set_result(halt)
