"""Groups at work: with the real ledger, store and engines, and no broker."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from prometheus_client import REGISTRY

from darkroom_worker import catalog, line, sitting
from darkroom_worker.attempt import Attempt
from darkroom_worker.batcher import Batcher
from darkroom_worker.cancellation import cancel
from darkroom_worker.line import Delivery
from darkroom_worker.messages import Job
from darkroom_worker.order import Progress, Request
from darkroom_worker.outcome import Ack, Delay, Outcome, Requeue
from darkroom_worker.sitting import Sitting
from darkroom_worker.workshop import Workshop
from tests.bench import workshop_in
from tests.conftest import CAP, ONE_FITS
from tests.house import House


class Bench:
    """A batcher at work, and what became of what it was given."""

    def __init__(self, workshop: Workshop, house: House) -> None:
        self.shop = workshop
        self.attempts: list[Attempt] = []
        self.outcomes: dict[str, Outcome | BaseException] = {}
        self.batcher = Batcher(
            workshop, catalog.load(Path(house.environ["MODELS_FILE"]), (), True), self.attempts, self._conclude
        )

    async def _conclude(self, delivery: Delivery, outcome: Outcome | BaseException) -> None:
        self.outcomes[delivery.job.id] = outcome

    def add(self, *jobs: Job) -> None:
        for job in jobs:
            self.batcher.add(Delivery(job, job.created_at, None, time.monotonic()))

    async def concluded(self, *jobs: Job) -> list[Outcome | BaseException]:
        await until(lambda: all(job.id in self.outcomes for job in jobs))
        return [self.outcomes[job.id] for job in jobs]


@asynccontextmanager
async def bench(folder: Path, house: House, **environ: str) -> AsyncIterator[Bench]:
    """With the house's model alone, unless WORKER_MODELS says otherwise; empty: both."""
    environ = {"WORKER_MODELS": house.model, **environ}
    async with workshop_in(folder, House({**house.environ, **environ}, house.model)) as workshop:
        assert await workshop.pool.usable(house.model)
        found = Bench(workshop, house)
        running = asyncio.create_task(found.batcher.run())
        try:
            yield found
        finally:
            await cancel(running)


async def until(true: Callable[[], object], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


def queued(house: House, **wishes: Any) -> Job:
    job = house.job(**wishes)
    house.record(job)
    house.script("published", job.id, "1")
    return job


def pixels(house: House, verdict: dict[str, Any], index: int = 0) -> bytes:
    return Image.open(io.BytesIO(house.image(verdict, index))).tobytes()


def step(house: House, job: Job) -> int:
    return int(house.redis.hget(f"job:{job.id}", "step") or 0)


def canceled(house: House, job: Job) -> None:
    """The owner cancels, and the store is away."""
    now = house.now()
    verdict = job.model_dump_json(exclude={"version"})[:-1] + (
        f',"version":1,"state":"canceled","completed_at":{now},"expires_at":{now + 600_000},"attempt":1}}'
    )
    house.script("settle", job.id, verdict, "", 600_000)


def test_twenty_waiting_jobs_are_drawn_four_at_a_time_and_each_picture_is_the_one_it_would_be_alone(
    pair: tuple[House, House], tmp_path: Path
) -> None:
    house, _ = pair

    async def story() -> None:
        async with bench(tmp_path, house) as at:
            asked = [
                {"seed": seed, "prompt": f"a mug of number {seed}", "guidance_scale": 2.0 + seed} for seed in range(20)
            ]
            jobs = [queued(house, **spec) for spec in asked]
            at.add(*jobs)
            assert set(await at.concluded(*jobs)) == {Ack()}
            verdicts = [house.ended(job) for job in jobs]
            assert [verdict["spec"]["batch"] for verdict in verdicts] == [CAP] * 20
            assert [verdict["images"][0]["seed"] for verdict in verdicts] == list(range(20))
            written: Any = Image.open(io.BytesIO(house.image(verdicts[0])))
            assert json.loads(written.text["darkroom"])["batch"] == CAP
            assert len({pixels(house, verdict) for verdict in verdicts}) == 20
            for number in (0, 6, 19):
                alone = queued(house, batch=1, **asked[number])
                at.add(alone)
                assert await at.concluded(alone) == [Ack()]
                verdict = house.ended(alone)
                assert verdict["spec"]["batch"] == 1
                assert pixels(house, verdict) == pixels(house, verdicts[number])

    asyncio.run(story())


def test_a_canceled_row_ends_at_once_and_the_others_go_on(pair: tuple[House, House], tmp_path: Path) -> None:
    house, _ = pair

    async def story() -> None:
        async with bench(tmp_path, house) as at:
            jobs = [queued(house, steps=150, seed=seed) for seed in range(CAP)]
            at.add(*jobs)
            await until(lambda: all(step(house, job) > 2 for job in jobs))
            canceled(house, jobs[1])
            assert await at.concluded(jobs[1]) == [Ack()]
            assert set(at.outcomes) == {jobs[1].id}
            assert house.state(jobs[1]) == "canceled"
            others = [job for job in jobs if job is not jobs[1]]
            assert set(await at.concluded(*others)) == {Ack()}
            found = [(house.ended(job)["state"], house.ended(job)["attempt"]) for job in others]
            assert found == [("succeeded", 1)] * 3

    asyncio.run(story())


def test_a_row_that_fails_ends_alone(pair: tuple[House, House], tmp_path: Path) -> None:
    house, _ = pair

    async def story() -> None:
        async with bench(tmp_path, house) as at:
            for fault, code in (("nan", "bad_output"), ("oom@2", "out_of_memory"), ("error@2", "engine_error")):
                jobs = [queued(house, seed=seed, max_attempts=1) for seed in range(CAP - 1)]
                guilty = queued(house, metadata={"fault": fault}, max_attempts=1)
                at.add(guilty, *jobs)
                assert set(await at.concluded(guilty, *jobs)) == {Ack()}
                assert house.ended(guilty)["error"]["code"] == code
                assert {house.ended(job)["state"] for job in jobs} == {"succeeded"}

    asyncio.run(story())


def test_a_job_that_kills_engines_takes_none_of_its_companions_with_it(
    pair: tuple[House, House], tmp_path: Path
) -> None:
    house, _ = pair

    async def story() -> None:
        async with bench(tmp_path, house) as at:
            # With one attempt each: the common death counts for nobody.
            jobs = [queued(house, seed=seed, max_attempts=1) for seed in range(CAP - 1)]
            guilty = queued(house, metadata={"fault": "segv@2"}, max_attempts=1)
            at.add(*jobs, guilty)
            assert set(await at.concluded(*jobs, guilty)) == {Ack()}
            assert (house.ended(guilty)["error"]["code"], house.ended(guilty)["attempt"]) == ("poison", 1)
            for job in jobs:
                verdict = house.ended(job)
                assert (verdict["state"], verdict["attempt"], verdict["spec"]["batch"]) == ("succeeded", 1, 1)

    asyncio.run(story())


def test_an_engine_killed_from_outside_costs_its_rows_nothing_but_time(
    pair: tuple[House, House], tmp_path: Path
) -> None:
    house, _ = pair

    async def story() -> None:
        async with bench(tmp_path, house) as at:
            jobs = [queued(house, seed=seed, steps=40) for seed in range(CAP)]
            at.add(*jobs)
            await until(lambda: all(step(house, job) > 2 for job in jobs))
            engine = at.shop.pool.engine(house.model)
            assert engine
            os.kill(engine.pid, signal.SIGKILL)
            assert set(await at.concluded(*jobs)) == {Ack()}
            assert {house.ended(job)["state"] for job in jobs} == {"succeeded"}

    asyncio.run(story())


def test_a_second_attempt_is_drawn_alone(pair: tuple[House, House], tmp_path: Path) -> None:
    house, _ = pair

    async def story() -> None:
        async with bench(tmp_path, house) as at:
            again, first = queued(house), queued(house)
            assert house.script("claim", again.id, again.model, "w1", again.created_at, 0)[0] == "RUN"
            at.add(again, first)
            assert await at.concluded(again, first) == [Ack(), Ack()]
            assert [(house.ended(job)["attempt"], house.ended(job)["spec"]["batch"]) for job in (again, first)] == [
                (2, 1),
                (1, 1),
            ]

    asyncio.run(story())


def test_two_models_interleaved_cost_two_loads_even_where_one_fits(
    pair: tuple[House, House], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "LINGER_SECONDS", 0.2)

    async def story() -> None:
        before = loads(pair)
        async with bench(tmp_path, pair[0], WORKER_MODELS="", WORKER_MEMORY=ONE_FITS) as at:
            # The second does not fit beside the first, and is left until somebody asks for it.
            await until(lambda: sum((loads(pair) - before).values()) == 1)
            jobs = [queued(pair[number % 2], seed=number, steps=2) for number in range(24)]
            at.add(*jobs)
            assert set(await at.concluded(*jobs)) == {Ack()}
            assert sum((loads(pair) - before).values()) <= 1 + 2
            # What pays together is known once a model has been loaded.
            assert Counter(pair[0].ended(job)["spec"]["batch"] for job in jobs)[CAP] >= 16

    asyncio.run(story())


def loads(houses: tuple[House, House]) -> Counter[str]:
    name = "darkroom_worker_model_loads_total"
    return Counter({house.model: int(REGISTRY.get_sample_value(name, {"model": house.model}) or 0) for house in houses})


def test_where_both_fit_one_draws_while_the_other_loads(pair: tuple[House, House], tmp_path: Path) -> None:
    first, second = pair
    faults = tmp_path / "faults"
    faults.mkdir()

    async def story() -> None:
        async with bench(tmp_path, first, WORKER_MODELS="") as at:
            await until(lambda: second.model in at.shop.pool.warm)
            # Its engine is lost, and coming back takes its time.
            (faults / second.model).write_text("wait@load")
            engine = at.shop.pool.engine(second.model)
            assert engine
            os.kill(engine.pid, signal.SIGKILL)
            await until(lambda: second.model not in at.shop.pool.warm)
            cold, quick = queued(second), [queued(first, seed=seed) for seed in range(6)]
            at.add(cold, *quick)
            assert set(await at.concluded(*quick)) == {Ack()}
            assert cold.id not in at.outcomes
            (faults / second.model).unlink()
            assert await at.concluded(cold) == [Ack()]

    asyncio.run(story())


def test_a_model_that_fails_its_check_gives_its_jobs_back_unspent_and_the_other_goes_on(
    pair: tuple[House, House], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "LINGER_SECONDS", 0.2)
    first, second = pair
    faults = tmp_path / "faults"
    faults.mkdir()

    async def story() -> None:
        async with bench(tmp_path, first, WORKER_MODELS="", WORKER_MEMORY=ONE_FITS) as at:
            await until(lambda: at.shop.pool.warm == {first.model} and not at.shop.pool.loading)
            good = queued(first)
            at.add(good)
            assert await at.concluded(good) == [Ack()]
            (faults / second.model).write_text("error@check")
            bad = [queued(second) for _ in range(3)]
            at.add(*bad)
            assert set(await at.concluded(*bad)) == {Requeue()}
            assert {(first.state(job), first.redis.hget(f"job:{job.id}", "attempt")) for job in bad} == {
                ("queued", "0")
            }
            assert set(at.shop.pool.barred) == {second.model}
            good = queued(first)
            at.add(good)
            assert await at.concluded(good) == [Ack()]

    asyncio.run(story())


def test_whoever_is_not_ready_in_time_is_drawn_alone(
    pair: tuple[House, House], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sitting, "WAIT_SECONDS", 0.2)
    house, _ = pair

    async def story() -> None:
        async with workshop_in(tmp_path, house) as workshop:
            requests = [Request(house.job(seed=seed).model_dump(), 1, Progress()) for seed in range(4)]
            group = Sitting(workshop.pool, 4)
            group.leave()
            early = await asyncio.gather(*(group.draw(request) for request in requests[:2]))
            late = await group.draw(requests[2])
            assert [drawing.batch for drawing in (*early, late)] == [2, 2, 1]
            # One that is canceled while it waits leaves its place empty.
            group = Sitting(workshop.pool, 3)
            waiting = [asyncio.create_task(group.draw(request)) for request in requests[:2]]
            await asyncio.sleep(0)
            await cancel(waiting[0])
            assert (await waiting[1]).batch == 1

    asyncio.run(story())


def test_a_drain_releases_every_row(pair: tuple[House, House], tmp_path: Path) -> None:
    house, _ = pair

    async def story() -> None:
        async with bench(tmp_path, house) as at:
            jobs = [queued(house, seed=seed, steps=1000) for seed in range(CAP + 2)]
            at.add(*jobs)
            await until(lambda: all(step(house, job) > 2 for job in jobs[:CAP]))
            assert [delivery.job.id for delivery in at.batcher.empty()] == [job.id for job in jobs[CAP:]]
            for attempt in at.batcher.running.values():
                attempt.drain()
            assert set(await at.concluded(*jobs[:CAP])) == {Requeue()}
            assert {(house.state(job), house.redis.hget(f"job:{job.id}", "attempt")) for job in jobs} == {
                ("queued", "0")
            }

    asyncio.run(story())


def test_the_same_message_twice_in_one_group_is_drawn_once(pair: tuple[House, House], tmp_path: Path) -> None:
    house, _ = pair

    async def story() -> None:
        async with bench(tmp_path, house) as at:
            job, other = queued(house), queued(house)
            outcomes: list[Outcome | BaseException] = []

            async def conclude(_: Delivery, outcome: Outcome | BaseException) -> None:
                outcomes.append(outcome)

            at.batcher._conclude = conclude
            at.add(job, job, other)
            await until(lambda: len(outcomes) == 3)
            assert sum(outcome == Ack() for outcome in outcomes) >= 2
            assert all(isinstance(outcome, (Ack, Delay)) for outcome in outcomes)
            assert house.redis.hgetall("ledger") == {"accepted": "2", "succeeded": "2"}

    asyncio.run(story())
