"""The pool: several models, memory for some of them, one drawing at a time. Every engine is a real process."""

from __future__ import annotations

import asyncio
import gc
import io
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from PIL import Image

from darkroom_worker import metrics, settings
from darkroom_worker import pool as pools
from darkroom_worker.cancellation import cancel
from darkroom_worker.catalog import Model
from darkroom_worker.deaths import LIMIT
from darkroom_worker.deaths import causes as different
from darkroom_worker.order import EngineDied, EngineStopped, Progress, Request, TaskFailed
from darkroom_worker.pool import Barred, Pool
from darkroom_worker.status import Status
from tests.crew import alive, children
from tests.engines import begin, draw, job, model, pid_of, running

A, B, C = (model(name, memory_mb=100) for name in "abc")
ONE_FITS, TWO_FIT = "150MiB", "250MiB"

Story = Callable[[Pool], Awaitable[None]]


def play(story: Story, tmp_path: Path, *models: Model, **environ: str) -> None:
    async def main() -> None:
        async with asyncio.timeout(90), running(tmp_path, *models, **environ) as pool:
            await story(pool)

    asyncio.run(main())


async def until(true: Callable[[], object]) -> None:
    """Looks until it is so; the story's own time limit ends the wait."""
    while not true():
        await asyncio.sleep(0.01)


def strike(folder: Path, model_id: str, fault: str) -> Path:
    """Lets a model fail where it is loaded, checked or warmed up, until the file is gone."""
    path = folder / "faults" / model_id
    path.parent.mkdir(exist_ok=True)
    path.write_text(fault)
    return path


def loads(*names: str) -> float:
    return sum(float(metrics.MODEL_LOADS.labels(name)._value.get()) for name in names)


def test_two_models_that_fit_are_loaded_once_for_any_number_of_jobs(tmp_path: Path) -> None:
    async def story(pool: Pool) -> None:
        before = loads("a", "b")
        for number in range(20):
            await draw(pool, job(number, "ab"[number % 2], steps=1))
        assert loads("a", "b") - before == 2
        assert pool.warm == {"a", "b"}
        assert pool.would_evict("a") == set()

    play(story, tmp_path, A, B, WORKER_MEMORY=TWO_FIT)


def test_a_model_is_loaded_while_another_draws_and_nobody_waits_for_it(tmp_path: Path) -> None:
    gate = strike(tmp_path, "b", "wait@load")

    async def story(pool: Pool) -> None:
        await until(lambda: pool.loading and pool.loading.model == "b")
        progress = Progress()
        assert (await (await begin(pool, job(model_id="a"), progress))).load_ms == 0
        late = await begin(pool, job(model_id="b"))
        gate.unlink()
        assert (await late).load_ms > 0

    play(story, tmp_path, A, B)


def test_the_least_recently_used_model_leaves_and_its_process_with_it(tmp_path: Path) -> None:
    async def story(pool: Pool) -> None:
        await pool.usable("c")
        assert pool.warm == {"a", "b"}  # as many as fit, in the catalogue's order
        await draw(pool, job(model_id="b"))
        await draw(pool, job(model_id="a"))
        assert pool.would_evict("c") == {"b"}
        left, stayed = pid_of(pool, "b"), pid_of(pool, "a")
        await draw(pool, job(model_id="c"))
        assert pool.warm == {"a", "c"}
        assert pid_of(pool, "a") == stayed
        assert not alive(left)

    play(story, tmp_path, A, B, C, WORKER_MEMORY=TWO_FIT)


def test_no_drawing_and_no_encoding_is_cut_to_make_room(tmp_path: Path) -> None:
    async def story(pool: Pool) -> None:
        progress = Progress()
        long = await begin(pool, job(0, "a", steps=30), progress)
        await until(lambda: progress.step)
        big = [await begin(pool, job(1, "b", n=2, size=1024))]
        await until(lambda: not pool.warm)
        # Asked of a model that is about to leave: its next process draws it.
        big += [await begin(pool, job(number, name, n=2, size=1024)) for number, name in ((2, "a"), (3, "b"))]
        assert len((await long).pictures) == 1
        assert progress.step == 30
        assert [len(drawing.pictures) for drawing in await asyncio.gather(*big)] == [2, 2, 2]
        assert pool.warm == {"a"}

    play(story, tmp_path, A, B, WORKER_MEMORY=ONE_FITS)


def test_a_job_that_left_makes_nobody_leave(tmp_path: Path) -> None:
    async def story(pool: Pool) -> None:
        await pool.usable("a")
        stays, progress = pid_of(pool, "a"), Progress()
        long = await begin(pool, job(0, "a", steps=1000), progress)
        await until(lambda: progress.step)
        other = await begin(pool, job(1, "b"))
        await until(lambda: not pool.warm)  # a shall go
        assert pool.cancel(job(1)["id"])
        with pytest.raises(EngineStopped):
            await other
        await until(lambda: pool.warm == {"a"})
        assert pool.cancel(job(0)["id"])
        with pytest.raises(EngineStopped):
            await long
        assert (await draw(pool, job(2, "a"))).pictures
        assert pid_of(pool, "a") == stays

    play(story, tmp_path, A, B, WORKER_MEMORY=ONE_FITS)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("error@load", "asked for in load"),
        ("exit@load", "the engine died: it exited with status 3"),
        ("hang@load", "no progress in loading_model for 1 s"),
        ("hang@warm_up", "no progress in warming_up for 1 s"),
    ],
)
def test_a_model_that_cannot_be_loaded_is_barred_tried_again_and_leaves_the_others_serving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, why: str
) -> None:
    monkeypatch.setattr(pools, "QUARANTINE_SECONDS", 0.3)
    limits = {"load": 1, "warm_up": 1}
    struck = strike(tmp_path, "b", fault)

    async def story(pool: Pool) -> None:
        await pool.usable("a")
        # b is cold: nobody knows yet.
        with pytest.raises(TaskFailed, match=f"^B could not be loaded on worker w7: .*{why}.*[.]$") as caught:
            await draw(pool, job(1, "b"))
        assert (caught.value.code, caught.value.transient) == ("engine_error", True)
        assert why in pool.barred["b"]
        assert not await pool.usable("b")
        with pytest.raises(Barred, match=why):
            await (await begin(pool, job(1, "b")))
        assert (await draw(pool, job(0, "a"))).pictures
        struck.unlink()
        await until(lambda: not pool.barred)
        assert (await draw(pool, job(1, "b"))).pictures
        assert not pool.sick

    second = model("b", name="B", memory_mb=100, stall_seconds=limits)
    play(story, tmp_path, A, second, WORKER_MEMORY=ONE_FITS, WORKER_NAME="w7")


def test_a_model_that_draws_something_else_is_kept_out_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "QUARANTINE_SECONDS", 0.3)
    struck = strike(tmp_path, "b", "error@check")

    async def story(pool: Pool) -> None:
        status = Status("w7", ("a", "b"), 0, pool)
        waiting = await begin(pool, job(1, "b"))
        with pytest.raises(Barred, match="asked for in check"):
            await waiting
        assert not await pool.usable("b")
        await pool.usable("a")
        assert status.heartbeat(1000, 1)["barred"] == {"b": "StruckError: asked for in check"}
        assert "engine" not in status.unfit
        # It is tried again by itself, and comes back when it is sound.
        struck.unlink()
        await until(lambda: pool.warm == {"a", "b"})
        assert "barred" not in status.heartbeat(1000, 1)

    play(story, tmp_path, A, B)


def test_a_worker_that_can_serve_no_model_is_not_ready_and_says_why(tmp_path: Path) -> None:
    strike(tmp_path, "a", "error@load")
    huge = model("b", memory_mb=1000)

    async def story(pool: Pool) -> None:
        status = Status("w7", ("a", "b"), 0, pool)
        await until(lambda: len(pool.barred) == 2)
        assert not pool.ready
        assert status.unfit["engine"] == (
            "a is barred: StruckError: asked for in load; b is barred: it needs 1.0 GiB of memory, and models may take 0.1 GiB"
        )
        assert pool.would_evict("b") is None

    play(story, tmp_path, A, huge, WORKER_MEMORY=ONE_FITS)


def test_the_spare_takes_the_place_of_a_dead_engine(tmp_path: Path) -> None:
    async def story(pool: Pool) -> None:
        await pool.usable("simulated")
        await until(lambda: len(pool.pids) == 2)
        (spare,) = pool.pids - {pid_of(pool)}
        os.kill(pid_of(pool), signal.SIGKILL)
        await until(lambda: pool.warm == set())
        assert (await draw(pool, job())).pictures
        assert pid_of(pool) == spare
        assert os.getpriority(os.PRIO_PROCESS, spare) == os.getpriority(
            os.PRIO_PROCESS, 0
        )  # nicer while it imported, and only then

    play(story, tmp_path, WORKER_SPARE="true")


def test_a_dead_spare_is_replaced_after_a_while_and_without_one_nothing_stands_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "QUARANTINE_SECONDS", 0.2)

    async def story(pool: Pool) -> None:
        await pool.usable("simulated")
        await until(lambda: len(pool.pids) == 2)
        for _ in range(LIMIT):
            (spare,) = pool.pids - {pid_of(pool)}
            os.kill(spare, signal.SIGKILL)
            await until(lambda spare=spare: len(pool.pids) == 2 and spare not in pool.pids)  # type: ignore[misc]
        assert not pool.sick
        assert (await draw(pool, job())).pictures

    async def alone(pool: Pool) -> None:
        assert (await draw(pool, job())).pictures
        assert pool.pids == {pid_of(pool)}

    play(story, tmp_path, WORKER_SPARE="true")
    play(alone, tmp_path)


def test_a_death_takes_only_the_jobs_of_its_engine(tmp_path: Path) -> None:
    async def story(pool: Pool) -> None:
        await pool.usable("a")
        await pool.usable("b")
        progress = Progress()
        long = await begin(pool, job(0, "a", steps=50), progress)
        waiting = await begin(pool, job(1, "b"))
        await until(lambda: progress.step)
        os.kill(pid_of(pool, "b"), signal.SIGKILL)
        assert (await long).pictures
        assert (await waiting).pictures  # its turn had not come: it waited for the next engine

    play(story, tmp_path, A, B)


def test_loads_wanted_at_once_come_one_after_another_and_each_job_is_drawn(tmp_path: Path) -> None:
    async def story(pool: Pool) -> None:
        names = ["c", "b", "a", "c", "b"]
        results = [await begin(pool, job(number, name)) for number, name in enumerate(names)]
        assert all([(await result).pictures for result in results])

    play(story, tmp_path, A, B, C, WORKER_MEMORY=ONE_FITS)


@pytest.mark.parametrize("when", ["load", "check", "warm_up", "import"])
def test_a_pool_that_ends_leaves_nothing_whatever_it_was_doing(tmp_path: Path, when: str) -> None:
    strike(tmp_path, "a", f"wait@{when}")

    async def story(pool: Pool) -> None:
        if when == "import":
            await until(lambda: pool.pids)
            return
        waiting = await begin(pool, job(0, "a"))
        await until(lambda: pool.loading)
        assert pool.cancel(job(0)["id"])
        with pytest.raises(EngineStopped):
            await waiting
        assert pool.loading

    play(story, tmp_path, A)


def test_a_pool_that_is_ended_while_it_starts_a_process_leaves_neither_process_nor_socket(tmp_path: Path) -> None:
    async def main() -> None:
        for turns in range(1, 25):
            pool = Pool({"a": A}, settings.load({"WORKER_LOCK_DIR": str(tmp_path)}))
            task = asyncio.create_task(pool.run())
            for _ in range(turns):
                await asyncio.sleep(0)
            await cancel(task)
            assert not pool.pids
        await until(lambda: not children(os.getpid()))

    gc.collect()  # what earlier tests have left is not to be counted here
    before = len(os.listdir("/proc/self/fd"))
    asyncio.run(main())
    assert len(os.listdir("/proc/self/fd")) == before


def pixels(file: bytes) -> bytes:
    return Image.open(io.BytesIO(file)).tobytes()


def test_jobs_drawn_as_one_batch_are_as_if_each_had_been_alone(tmp_path: Path) -> None:
    async def story(pool: Pool) -> None:
        await pool.usable("wide")
        assert (pool.cap("wide", 512, 512), pool.cap("wide", 64, 64)) == (4, 4)
        alone = await draw(pool, job(0, "wide", n=2))
        jobs = [job(number, "wide", n=n) for number, n in enumerate((2, 1, 1))]
        progress = [Progress() for _ in jobs]
        results = await pool.draw([Request(work, 1, way) for work, way in zip(jobs, progress, strict=True)])
        drawings = await asyncio.gather(*results)
        assert [drawing.batch for drawing in drawings] == [4, 4, 4]
        assert [(way.step, way.steps) for way in progress] == [(5, 5)] * 3
        assert [pixels(picture.data) for picture in drawings[0].pictures] == [
            pixels(picture.data) for picture in alone.pictures
        ]

    play(story, tmp_path, model("wide", batch_cap=4))


def test_one_row_that_leaves_or_fails_does_not_disturb_the_others(tmp_path: Path) -> None:
    async def story(pool: Pool) -> None:
        await pool.usable("wide")
        jobs = [
            job(0, "wide", steps=30),
            job(1, "wide", steps=30, fault="error@3"),
            job(2, "wide", steps=30, fault="nan"),
        ]
        jobs += [job(3, "wide", steps=30), job(4, "wide", steps=30)]
        progress = Progress()
        results = await pool.draw([Request(work, 1, progress if work is jobs[0] else Progress()) for work in jobs])
        await until(lambda: progress.step > 3)
        assert pool.cancel(jobs[3]["id"])
        results[4].cancel()
        with pytest.raises(EngineStopped):
            await results[3]
        assert progress.step < 30
        drawing = await results[0]
        assert (len(drawing.pictures), progress.step) == (1, 30)
        for result, code in ((results[1], "engine_error"), (results[2], "bad_output")):
            with pytest.raises(TaskFailed) as caught:
                await result
            assert caught.value.code == code
        # Memory that ends halves the batch, and then ends those that are too much.
        results = await pool.draw(
            [Request(job(n, "wide", fault="oom_once@2" if n else None), 1, Progress()) for n in (0, 1)]
        )
        assert [drawing.batch for drawing in await asyncio.gather(*results)] == [2, 2]
        # A death is the death of them all.
        results = await pool.draw(
            [Request(job(n, "wide", fault="exit@2" if n else None), 1, Progress()) for n in (0, 1)]
        )
        for result in results:
            with pytest.raises(EngineDied):
                await result

    play(story, tmp_path, model("wide", batch_cap=5))


def test_deaths_with_a_job_in_common_have_one_cause() -> None:
    def causes(*deaths: str) -> int:
        return different([frozenset(death) for death in deaths])

    assert causes("a", "a", "a") == 1
    assert causes("ab", "ac", "da") == 1
    assert causes("ab", "cd", "e") == 3
    assert causes("", "", "") == 3
