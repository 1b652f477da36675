"""The engine: a child process that may die in every way; the supervisor lives on, says why, and draws again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from darkroom_worker import pool as pools
from darkroom_worker.order import EngineDied, EngineStopped, Progress, TaskFailed
from darkroom_worker.pool import Pool
from darkroom_worker.tasks import process
from tests.crew import alive
from tests.engines import begin, draw, job, pid_of, running

Story = Callable[[Pool], Awaitable[None]]


def play(story: Story, tmp_path: Path) -> None:
    """Runs a story with a pool of one model that was started for it."""

    async def main() -> None:
        async with running(tmp_path) as pool:
            assert await pool.usable("simulated")
            await story(pool)

    asyncio.run(main())


def test_a_job_gives_its_pictures_in_order_and_tells_its_steps(tmp_path: Path) -> None:
    async def story(pool: Pool) -> None:
        progress = Progress()
        drawing = await (await begin(pool, job(n=3), progress))
        assert [picture.seed for picture in drawing.pictures] == [7, 8, 9]
        assert len({picture.data for picture in drawing.pictures}) == 3
        assert (progress.step, progress.steps) == (15, 15)
        assert drawing.denoise_ms >= 15 * 20
        assert pool.warm == {"simulated"}

    play(story, tmp_path)


@pytest.mark.parametrize(
    ("fault", "how"),
    [
        ("exit@3", "exited with status 3"),
        ("segv@3", "killed by SIGSEGV"),
        ("hang@1", "no progress in denoising for 2 s"),
        ("hang@3", "no progress in denoising for 1 s"),
    ],
)
def test_a_death_in_mid_job_is_told_and_the_next_job_is_drawn(tmp_path: Path, fault: str, how: str) -> None:
    async def story(pool: Pool) -> None:
        with pytest.raises(EngineDied, match=how):
            await draw(pool, job(fault=fault))
        assert (await draw(pool, job())).pictures

    play(story, tmp_path)


@pytest.mark.parametrize(("sent", "how"), [(signal.SIGKILL, "SIGKILL"), (signal.SIGSTOP, "no progress")])
def test_an_engine_killed_or_stopped_from_outside_is_told_and_the_next_job_is_drawn(
    tmp_path: Path, sent: signal.Signals, how: str
) -> None:
    async def story(pool: Pool) -> None:
        progress = Progress()
        drawing = await begin(pool, job(steps=500), progress)
        while not progress.step:
            await asyncio.sleep(0.02)
        os.kill(pid_of(pool), sent)
        with pytest.raises(EngineDied, match=how):
            await drawing
        assert (await draw(pool, job())).pictures

    play(story, tmp_path)


def test_errors_of_the_task_leave_the_engine_alive(tmp_path: Path) -> None:
    async def story(pool: Pool) -> None:
        pid = pid_of(pool)
        for fault, code, transient in [
            ("oom@2", "out_of_memory", True),
            ("nan", "bad_output", False),
            ("black", "bad_output", False),
            ("error@2", "engine_error", True),
            ("melt@2", "refused", False),
        ]:
            with pytest.raises(TaskFailed) as caught:
                await draw(pool, job(fault=fault))
            assert (caught.value.code, caught.value.transient) == (code, transient)
            assert not caught.value.message[0].islower()
            assert caught.value.message.endswith(".")
        for fault in ("oom_once@2", "nan_once", "black_once"):
            assert (await draw(pool, job(fault=fault))).pictures
        assert pid_of(pool) == pid

    play(story, tmp_path)


def test_a_fault_strikes_only_as_many_attempts_as_asked(tmp_path: Path) -> None:
    async def story(pool: Pool) -> None:
        with pytest.raises(TaskFailed):
            await draw(pool, job(fault="nan", fault_times="1"), attempt=1)
        assert (await draw(pool, job(fault="nan", fault_times="1"), attempt=2)).pictures

    play(story, tmp_path)


def test_a_canceled_job_stops_within_two_steps(tmp_path: Path) -> None:
    async def story(pool: Pool) -> None:
        progress = Progress()
        work = job(steps=500)
        drawing = await begin(pool, work, progress)
        while progress.step < 3:
            await asyncio.sleep(0.01)
        seen = progress.step
        assert pool.cancel(work["id"])
        with pytest.raises(EngineStopped):
            await drawing
        assert progress.step <= seen + 2
        assert (await draw(pool, job(1))).pictures

    play(story, tmp_path)


def test_the_next_job_is_drawn_while_the_last_is_encoded_and_never_two_at_once(tmp_path: Path) -> None:
    async def story(pool: Pool) -> None:
        order: list[str] = []

        async def one(number: int) -> None:
            progress = Progress()
            drawing = await begin(pool, job(number), progress)
            while not progress.step:
                await asyncio.sleep(0.005)
            order.append("begun")
            await progress.drawn.wait()
            order.append("drawn")
            await drawing

        await asyncio.gather(*(one(number) for number in range(3)))
        assert order == ["begun", "drawn"] * 3

    play(story, tmp_path)


def test_many_deaths_of_one_job_do_not_make_the_engine_sick_but_those_of_three_jobs_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "QUARANTINE_SECONDS", 1.0)

    async def story(pool: Pool) -> None:
        for _ in range(4):
            with pytest.raises(EngineDied):
                await draw(pool, job(1, fault="exit@1"))
        assert await pool.usable("simulated")
        for number in (2, 3):
            with pytest.raises(EngineDied):
                await draw(pool, job(number, fault="exit@1"))
        assert not await pool.usable("simulated")
        assert "exited with status 3" in pool.sick
        # Past its quarantine it must pass a self-check before it serves again.
        while pool.sick:
            await asyncio.sleep(0.05)
        assert (await draw(pool, job())).pictures

    play(story, tmp_path)


def test_the_engine_learns_no_secret_and_imports_no_torch_for_simulated_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3_SECRET_KEY", "hunter2")
    monkeypatch.setenv("RABBITMQ_URL", "amqp://someone:hunter2@broker")

    async def story(pool: Pool) -> None:
        await draw(pool, job())
        child = Path(f"/proc/{pid_of(pool)}")
        assert b"hunter2" not in (child / "environ").read_bytes()
        assert "torch" not in (child / "maps").read_text()
        assert (child / "oom_score_adj").read_text().strip() == "500"

    play(story, tmp_path)


def test_faults_are_not_heard_outside_test_mode(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, TEST_MODE="false") as pool:
            assert (await draw(pool, job(fault="exit@1", step_ms="x"))).pictures

    asyncio.run(main())


def test_the_engine_dies_with_its_supervisor_even_while_it_hangs(tmp_path: Path) -> None:
    script = (
        "import asyncio\n"
        "from pathlib import Path\n"
        "from tests.engines import begin, job, model, running\n"
        "async def main():\n"
        "    patient = model(stall_seconds={'first_step': 300})\n"
        f"    async with running(Path({str(tmp_path)!r}), patient, WORKER_SPARE='true') as pool:\n"
        "        await pool.usable('simulated')\n"
        "        while pool._spare is None:\n"
        "            await asyncio.sleep(0.05)\n"
        "        await pool._spare.ready()\n"
        "        await begin(pool, job(fault='hang@1'))\n"
        "        await asyncio.sleep(0.3)\n"
        "        print('pids', *pool.pids, flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).resolve().parents[1]
    with subprocess.Popen([sys.executable, "-c", script], cwd=root, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout
        pids = [int(word) for word in next(line for line in supervisor.stdout if line.startswith("pids")).split()[1:]]
        supervisor.kill()
    end = time.monotonic() + 5
    while any(map(alive, pids)):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_gpu_has_the_engines_of_one_worker_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "gpu.lock"
    with path.open("a") as ours, path.open("a") as strangers:
        process.hold_gpu(ours.fileno(), 3)
        sibling = subprocess.run(
            [sys.executable, "-c", f"from darkroom_worker.tasks import process; process.hold_gpu({ours.fileno()}, 3)"],
            cwd=Path(__file__).resolve().parents[1], pass_fds=[ours.fileno()], check=False,
        )  # fmt: skip
        assert sibling.returncode == 0
        with pytest.raises(BlockingIOError, match="another worker has GPU 3"):
            process.hold_gpu(strangers.fileno(), 3)
        ours.close()
        process.hold_gpu(strangers.fileno(), 3)
