"""One attempt, with the real ledger, store and engine and no broker: every answer of a claim, and the ends of a job."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from darkroom_worker import attempt as attempts
from darkroom_worker import workshop as workshops
from darkroom_worker.attempt import Attempt
from darkroom_worker.messages import Job
from darkroom_worker.order import Drawing, Request
from darkroom_worker.outcome import Ack, Delay, Outcome, Requeue
from darkroom_worker.pool import Pool
from darkroom_worker.sitting import Sitting
from darkroom_worker.workshop import Workshop
from tests.bench import store_of, workshop_in
from tests.house import House
from tests.refusals import ANSWERS, RefusingStore, refusing

Story = Callable[[Workshop], Awaitable[None]]


@pytest.fixture
def play(house: House, tmp_path: Path) -> Callable[[Story], None]:
    """Runs a story in a workshop with a running engine."""

    def run(story: Story) -> None:
        async def main() -> None:
            async with workshop_in(tmp_path, house) as workshop:
                await story(workshop)

        asyncio.run(main())

    return run


async def work(workshop: Workshop, job: Job, published_at: int | None = None, traceparent: str = "") -> Outcome:
    return await Attempt(workshop, job, published_at or job.created_at, time.monotonic(), None, traceparent).run()


def queued(house: House, **wishes: Any) -> Job:
    """A job whose message is in the test's hand."""
    job = house.job(**wishes)
    house.record(job)
    house.script("published", job.id, "1")
    return job


def seal(house: House, job: Job, state: str = "canceled") -> dict[str, Any]:
    """Somebody else ended the job, and only S3 knows."""
    now = house.now()
    verdict = job.model_dump() | {"state": state, "completed_at": now, "expires_at": now + 600_000, "attempt": 0}
    text = json.dumps(verdict).encode()
    house.s3.put_object(house.bucket, f"results/{job.id}/verdict.json", io.BytesIO(text), len(text))
    return verdict


def images(house: House, job: Job) -> list[str]:
    names = [
        str(item.object_name) for item in house.s3.list_objects(house.bucket, f"results/{job.id}/", recursive=True)
    ]
    return [name for name in names if not name.endswith("verdict.json")]


def test_a_queued_job_is_drawn_sealed_settled_and_acked(house: House, play: Callable[[Story], None]) -> None:
    async def story(workshop: Workshop) -> None:
        job = queued(house)
        assert await work(workshop, job) == Ack()
        assert house.state(job) == "succeeded"
        assert house.sealed(job) == json.loads(house.redis.hget(f"job:{job.id}", "verdict"))
        assert house.redis.hgetall("ledger") == {"accepted": "1", "succeeded": "1"}
        # The same message a hundred times is one run.
        for _ in range(100):
            assert await work(workshop, job) == Ack()
        assert len(images(house, job)) == 1

    play(story)


def test_each_image_of_a_job_reproduces_alone_from_its_own_seed(house: House, play: Callable[[Story], None]) -> None:
    async def story(workshop: Workshop) -> None:
        three, alone = queued(house, n=3, seed=7, format="webp"), queued(house, n=1, seed=9, format="webp")
        await work(workshop, three)
        await work(workshop, alone)
        from PIL import Image  # noqa: PLC0415

        last, only = (
            Image.open(io.BytesIO(house.image(house.ended(job), index))).tobytes()
            for job, index in ((three, 2), (alone, 0))
        )
        assert last == only

    play(story)


def test_a_job_in_other_hands_or_before_its_time_waits_in_a_delay_queue(
    house: House, play: Callable[[Story], None]
) -> None:
    async def story(workshop: Workshop) -> None:
        job = queued(house)
        word, fence, *_ = house.script("claim", job.id, job.model, "w1", job.created_at, 30_000)
        assert word == "RUN"
        assert await work(workshop, job) == Delay(attempts.DEFER_LEASE_MS)
        house.script("retry", job.id, fence, 20_000, "{}")
        outcome = await work(workshop, job)
        assert isinstance(outcome, Delay)
        assert 15_000 < outcome.wait_ms <= 20_000
        assert outcome.published_at is None
        assert images(house, job) == []

    play(story)


def test_a_lost_record_is_restored_from_the_message_and_the_job_runs(
    house: House, play: Callable[[Story], None]
) -> None:
    async def story(workshop: Workshop) -> None:
        job, parent = queued(house), "00-" + "1a" * 16 + "-" + "2b" * 8 + "-01"
        house.redis.flushdb()
        assert await work(workshop, job, traceparent=parent) == Ack()
        assert house.redis.hget(f"job:{job.id}", "traceparent") == parent
        verdict = house.ended(job)
        assert (verdict["state"], verdict["input"], verdict["warnings"]) == ("succeeded", job.input, job.warnings)

    play(story)


def test_a_canceled_job_does_not_come_back_with_its_lost_record(house: House, play: Callable[[Story], None]) -> None:
    async def story(workshop: Workshop) -> None:
        job = queued(house)
        seal(house, job)
        house.redis.flushdb()
        assert await work(workshop, job) == Ack()
        assert house.state(job) == "canceled"
        assert images(house, job) == []

    play(story)


def test_a_lost_record_past_its_deadline_ends_as_failed(house: House, play: Callable[[Story], None]) -> None:
    async def story(workshop: Workshop) -> None:
        job = queued(house, deadline=1)
        house.redis.flushdb()
        await asyncio.sleep(1.1)  # the deadline is the condition
        assert await work(workshop, job) == Ack()
        verdict = house.sealed(job)
        assert verdict
        assert (verdict["state"], verdict["error"]["code"], verdict["attempt"]) == ("failed", "deadline", 0)
        assert house.state(job) == "failed"

    play(story)


def test_a_job_past_its_deadline_is_ended_without_a_run(house: House, play: Callable[[Story], None]) -> None:
    async def story(workshop: Workshop) -> None:
        job = queued(house, deadline=1)
        await asyncio.sleep(1.1)
        assert await work(workshop, job) == Ack()
        assert house.ended(job)["error"]["code"] == "deadline"
        assert images(house, job) == []

    play(story)


def test_a_running_job_ends_at_its_deadline_though_no_janitor_lives(
    house: House, play: Callable[[Story], None]
) -> None:
    async def story(workshop: Workshop) -> None:
        assert await workshop.pool.usable(house.model)
        job = queued(house, deadline=2, steps=1000)
        assert await work(workshop, job) == Ack()
        verdict = house.ended(job)
        assert (verdict["error"]["code"], verdict["error"]["steps"], verdict["worker"]) == ("deadline", 1000, "w0")
        assert verdict["completed_at"] - job.deadline < 2000

    play(story)


def test_an_attempt_longer_than_the_broker_waits_is_ended(house: House, tmp_path: Path) -> None:
    async def story() -> None:
        async with workshop_in(tmp_path, house, limit=0.5) as workshop:
            job = queued(house, steps=1000)
            assert await work(workshop, job) == Ack()
            assert house.ended(job)["error"]["code"] == "engine_error"

    asyncio.run(story())


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ({"code": "engine_died", "message": "it was killed by SIGSEGV"}, "poison"),
        ({"code": "storage_unavailable", "message": "PUT failed"}, "worker_lost"),
        ({}, "worker_lost"),
    ],
)
def test_a_job_without_attempts_left_ends_with_the_reason_why(
    house: House, play: Callable[[Story], None], reason: dict[str, Any], code: str
) -> None:
    async def story(workshop: Workshop) -> None:
        job = queued(house, max_attempts=1)
        _, fence, *_ = house.script("claim", job.id, job.model, "w1", job.created_at, 0)
        if reason:
            house.script("retry", job.id, fence, 0, json.dumps(reason))
        assert await work(workshop, job) == Ack()
        verdict = house.ended(job)
        assert (verdict["error"]["code"], verdict["attempt"], verdict["worker"]) == (code, 1, "w1")

    play(story)


def test_the_second_attempt_takes_a_verdict_that_the_first_left_and_saves_the_work(
    house: House, play: Callable[[Story], None]
) -> None:
    async def story(workshop: Workshop) -> None:
        job = queued(house)
        house.script("claim", job.id, job.model, "w1", job.created_at, 0)
        verdict = seal(house, job)
        assert await work(workshop, job) == Ack()
        assert house.sealed(job) == verdict
        assert (house.state(job), images(house, job)) == ("canceled", [])

    play(story)


def test_whoever_seals_first_has_ended_the_job(house: House, play: Callable[[Story], None]) -> None:
    async def story(workshop: Workshop) -> None:
        job = queued(house, steps=30)
        running = asyncio.create_task(work(workshop, job))
        while house.state(job) != "running":
            await asyncio.sleep(0.01)
        seal(house, job)  # S3 alone knows: no beat can tell
        assert await running == Ack()
        assert house.state(job) == "canceled"
        assert (house.sealed(job) or {})["state"] == "canceled"

    play(story)


def test_a_zombie_touches_nothing_and_its_message_meets_the_other_attempt(
    house: House, play: Callable[[Story], None]
) -> None:
    async def story(workshop: Workshop) -> None:
        job = queued(house, steps=1000)
        running = asyncio.create_task(work(workshop, job))
        while house.state(job) != "running":
            await asyncio.sleep(0.01)
        house.redis.hset(f"job:{job.id}", "lease_until", "0")
        assert house.script("claim", job.id, job.model, "w1", job.created_at, 30_000)[0] == "RUN"
        assert await running == Delay(attempts.DEFER_LEASE_MS)
        assert house.redis.hget(f"job:{job.id}", "worker") == "w1"
        assert images(house, job) == []

    play(story)


def test_a_flush_of_the_ledger_in_mid_job_is_not_noticed(house: House, play: Callable[[Story], None]) -> None:
    async def story(workshop: Workshop) -> None:
        job = queued(house, steps=60)
        running = asyncio.create_task(work(workshop, job))
        while house.state(job) != "running":
            await asyncio.sleep(0.01)
        house.redis.flushdb()
        house.redis.script_flush()
        assert await running == Ack()
        assert house.state(job) == "succeeded"

    play(story)


def test_a_transient_error_waits_longer_each_time_and_the_last_ends_the_job(
    house: House, play: Callable[[Story], None]
) -> None:
    async def story(workshop: Workshop) -> None:
        job = queued(house, max_attempts=2, metadata={"fault": "error@2"})
        outcome = await work(workshop, job)
        assert isinstance(outcome, Delay)
        assert 3_900 <= outcome.wait_ms <= 5_000
        assert outcome.published_at == int(house.redis.hget(f"job:{job.id}", "not_before"))
        house.redis.hset(f"job:{job.id}", "not_before", "0")
        assert await work(workshop, job) == Ack()
        verdict = house.ended(job)
        assert (verdict["error"]["code"], verdict["error"]["retryable"], verdict["attempt"]) == (
            "engine_error",
            True,
            2,
        )

    play(story)


def test_a_drain_gives_the_attempt_back(house: House, play: Callable[[Story], None]) -> None:
    async def story(workshop: Workshop) -> None:
        job = queued(house, steps=1000)
        attempt = Attempt(workshop, job, job.created_at, time.monotonic())
        running = asyncio.create_task(attempt.run())
        while house.state(job) != "running":
            await asyncio.sleep(0.01)
        attempt.drain()
        assert await running == Requeue()
        assert (house.state(job), house.redis.hget(f"job:{job.id}", "attempt")) == ("queued", "0")

    play(story)


def test_a_drain_does_not_wait_for_an_engine_that_does_not_listen(house: House, play: Callable[[Story], None]) -> None:
    async def story(workshop: Workshop) -> None:
        job = queued(house, metadata={"fault": "hang@1"})
        attempt = Attempt(workshop, job, job.created_at, time.monotonic())
        running = asyncio.create_task(attempt.run())
        while house.redis.hget(f"job:{job.id}", "stage") != "denoising":
            await asyncio.sleep(0.01)
        attempt.drain()
        done, _ = await asyncio.wait({running}, timeout=1)  # long before the stall limit
        assert done
        assert running.result() == Requeue()
        assert (house.state(job), house.redis.hget(f"job:{job.id}", "attempt")) == ("queued", "0")

    play(story)


def test_while_s3_is_away_no_verdict_is_never_read_as_none(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workshops, "STORE_BUDGET_SECONDS", 0.5)

    async def story() -> None:
        async with workshop_in(tmp_path, house, store=store_of(house, "127.0.0.1:1")) as workshop:
            lost, drawn, late = queued(house), queued(house), queued(house, deadline=1)
            house.redis.delete(f"job:{lost.id}")
            assert await work(workshop, lost) == Delay(attempts.DEFER_LEASE_MS)
            assert house.redis.exists(f"job:{lost.id}") == 0
            # A picture that cannot be stored is kept for another attempt.
            outcome = await work(workshop, drawn)
            assert isinstance(outcome, Delay)
            assert house.redis.hget(f"job:{drawn.id}", "stage") == "retry_wait"
            while house.now() < late.deadline:
                await asyncio.sleep(0.05)
            assert await work(workshop, late) == Delay(attempts.DEFER_LEASE_MS)
            assert house.state(late) == "queued"

    asyncio.run(story())


@pytest.mark.parametrize("code", ANSWERS)
def test_a_store_that_refuses_a_picture_is_asked_again_and_fails_the_job_only_after_its_budget(
    code: str, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(store: RefusingStore) -> None:
        async with workshop_in(tmp_path, house, store=store_of(house, store.address)) as workshop:
            passing, lasting = queued(house), queued(house, max_attempts=1)
            assert await work(workshop, passing) == Ack()
            verdict = house.ended(passing)
            assert (verdict["state"], verdict["attempt"], store.refused) == ("succeeded", 1, 2)
            monkeypatch.setattr(workshops, "STORE_BUDGET_SECONDS", 0.5)
            store.refused, store.times = 0, 1000
            assert await work(workshop, lasting) == Ack()
            error = house.ended(lasting)["error"]
            assert (error["code"], error["retryable"], code in error["message"]) == ("storage_unavailable", True, True)
            assert store.refused > 1

    with refusing(house.environ["S3_ENDPOINT"], code, times=2) as store:
        asyncio.run(story(store))


def test_progress_and_preview_move_while_it_runs(house: House, play: Callable[[Story], None]) -> None:
    async def story(workshop: Workshop) -> None:
        job = queued(house, steps=150, width=256, height=256)
        seen: list[tuple[int, int]] = []
        running = asyncio.create_task(work(workshop, job))
        while not running.done():
            step, preview = house.redis.hmget(f"job:{job.id}", "step", "preview")
            seen.append((int(step or 0), int(preview or 0)))
            await asyncio.sleep(0.05)
        assert await running == Ack()
        assert seen == sorted(seen)
        moves = len({step for step, _ in seen})
        assert 3 <= moves <= 2 + 2 * 150 * 0.03  # twice a second
        raw = house.redis.connection_pool.connection_kwargs
        import redis  # noqa: PLC0415

        jpeg = redis.Redis(host=raw["host"], port=raw["port"], db=raw["db"]).get(f"preview:{job.id}")
        assert isinstance(jpeg, bytes)
        assert jpeg.startswith(b"\xff\xd8")
        assert len(jpeg) <= 12_000

    play(story)


def test_a_message_that_waited_too_long_goes_back_before_the_broker_loses_patience(
    house: House, tmp_path: Path
) -> None:
    async def story() -> None:
        async with workshop_in(tmp_path, house, patience=0) as workshop:
            job = queued(house)
            assert await work(workshop, job) == Requeue()
            assert (house.state(job), house.redis.hget(f"job:{job.id}", "attempt")) == ("queued", "0")

    asyncio.run(story())


def test_what_the_engine_warns_of_stands_in_the_verdict_beside_what_the_gateway_did(
    house: House, play: Callable[[Story], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = Sitting.draw

    async def warning(sitting: Sitting, request: Request) -> Drawing:
        return replace(await draw(sitting, request), warnings=["the prompt was cut"])

    monkeypatch.setattr(Sitting, "draw", warning)

    async def story(workshop: Workshop) -> None:
        job = queued(house)
        assert await work(workshop, job) == Ack()
        assert house.ended(job)["warnings"] == ["a warning", "the prompt was cut"]

    play(story)


def upscaled(house: House, source: Job, index: int = 0) -> Job:
    return queued(house, image={"job": source.id, "index": index})


def test_a_job_that_starts_from_a_picture_gets_its_very_file(
    house: House, play: Callable[[Story], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: list[bytes] = []
    draw = Pool.draw

    async def watched(pool: Pool, requests: Sequence[Request]) -> Any:
        handed.extend(request.image for request in requests)
        return await draw(pool, requests)

    monkeypatch.setattr(Pool, "draw", watched)

    async def story(workshop: Workshop) -> None:
        source = queued(house, n=2)
        assert await work(workshop, source) == Ack()
        job = upscaled(house, source, 1)
        assert await work(workshop, job) == Ack()
        verdict = house.ended(job)
        assert (verdict["state"], verdict["spec"]["image"]) == ("succeeded", {"job": source.id, "index": 1})
        assert handed == [b"", house.image(house.ended(source), 1)]

    play(story)


def test_a_picture_to_start_from_that_is_not_there_refuses_the_job(house: House, play: Callable[[Story], None]) -> None:
    async def refusal(workshop: Workshop, job: Job) -> str:
        house.record(job)
        assert await work(workshop, job) == Ack()
        error = house.ended(job)["error"]
        assert (error["code"], error["retryable"]) == ("refused", False)
        return str(error["message"])

    async def story(workshop: Workshop) -> None:
        gone = "is gone: its job was deleted or has expired"
        source, canceled = queued(house), queued(house)
        await work(workshop, source)
        seal(house, canceled)
        of_source = {"job": source.id, "index": 0}
        assert gone in await refusal(workshop, house.job(image={"job": house.job().id, "index": 0}))
        assert gone in await refusal(workshop, house.job(image={"job": canceled.id, "index": 0}))
        stolen = house.job(image=of_source).model_copy(update={"owner": "cd" * 16})
        assert gone in await refusal(workshop, stolen)
        assert "has no image 1" in await refusal(workshop, house.job(image={"job": source.id, "index": 1}))
        key = house.ended(source)["images"][0]["key"]
        for other in (b"other", house.image(house.ended(source)) + b"more"):
            house.s3.put_object(house.bucket, key, io.BytesIO(other), len(other))
            assert "is damaged" in await refusal(workshop, house.job(image=of_source))
        assert workshop.store.read(key, 3) == b"\x89PN", "no more is read than is wanted"
        house.s3.remove_object(house.bucket, key)
        assert "was deleted" in await refusal(workshop, house.job(image=of_source))
        house.s3.put_object(house.bucket, f"results/{source.id}/verdict.json", io.BytesIO(b"{"), 1)
        assert "is known of the picture to start from is damaged" in await refusal(workshop, house.job(image=of_source))

    play(story)


def test_while_s3_is_away_a_picture_to_start_from_is_not_taken_for_gone(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workshops, "STORE_BUDGET_SECONDS", 0.5)

    async def story() -> None:
        async with workshop_in(tmp_path, house, store=store_of(house, "127.0.0.1:1")) as workshop:
            assert isinstance(await work(workshop, upscaled(house, house.job())), Delay)

    asyncio.run(story())
