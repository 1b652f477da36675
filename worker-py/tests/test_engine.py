"""The engine: a child process that may die in every way; the supervisor lives on, says why, and draws again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from darkroom_worker import engine as engines
from darkroom_worker import settings
from darkroom_worker.cancellation import cancel
from darkroom_worker.catalog import Model
from darkroom_worker.engine import Drawing, Engine, EngineDied, EngineStopped, Progress, TaskFailed
from darkroom_worker.tasks import process

MODEL = Model.model_validate(
    {
        "id": "simulated", "task": "simulated", "schedulers": {"simulated": {}}, "batch_cap": 1, "step_ms": 20,
        "stall_seconds": {"load": 20, "warm_up": 20, "first_step": 2, "step": 1, "decode": 5},
    }
)  # fmt: skip

Story = Callable[[Engine], Awaitable[None]]


def play(story: Story, tmp_path: Path) -> None:
    """Runs a story with an engine that was started for it."""

    async def main() -> None:
        async with _running(tmp_path) as engine:
            assert await engine.usable()
            await story(engine)

    asyncio.run(main())


@contextlib.asynccontextmanager
async def _running(tmp_path: Path) -> AsyncIterator[Engine]:
    engine = Engine({"simulated": MODEL}, settings.load({"TEST_MODE": "true", "WORKER_LOCK_DIR": str(tmp_path)}))
    running = asyncio.create_task(engine.run())
    try:
        yield engine
    finally:
        await cancel(running)
        assert engine.pid is None


def job(number: int = 0, *, n: int = 1, steps: int = 5, **metadata: str) -> dict[str, Any]:
    return {
        "version": 1, "id": f"06h00e010015g001081g81860s40i7ko2sfi5e9{number:02d}6", "owner": "ab" * 16, "model": "simulated",
        "task": "simulated", "input": {}, "warnings": [], "metadata": metadata, "seed_drawn": False, "created_at": 1795300000000,
        "deadline": 1795300600000, "max_attempts": 3,
        "spec": {
            "prompt": "a mug", "negative_prompt": "", "width": 64, "height": 64, "steps": steps, "guidance_scale": 1.0,
            "scheduler": "simulated", "seed": 7, "n": n, "format": "png",
        },
    }  # fmt: skip


async def draw(engine: Engine, work: dict[str, Any], attempt: int = 1) -> Drawing:
    assert await engine.usable()
    return await engine.draw(work, attempt, Progress())


def test_a_job_gives_its_pictures_in_order_and_tells_its_steps(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        progress = Progress()
        drawing = await engine.draw(job(n=3), 1, progress)
        assert [picture.seed for picture in drawing.pictures] == [7, 8, 9]
        assert len({picture.data for picture in drawing.pictures}) == 3
        assert (progress.step, progress.steps) == (15, 15)
        assert drawing.denoise_ms >= 15 * 20
        assert engine.warm == {"simulated"}

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
    async def story(engine: Engine) -> None:
        with pytest.raises(EngineDied, match=how):
            await draw(engine, job(fault=fault))
        assert (await draw(engine, job())).pictures

    play(story, tmp_path)


@pytest.mark.parametrize(("sent", "how"), [(signal.SIGKILL, "SIGKILL"), (signal.SIGSTOP, "no progress")])
def test_an_engine_killed_or_stopped_from_outside_is_told_and_the_next_job_is_drawn(
    tmp_path: Path, sent: signal.Signals, how: str
) -> None:
    async def story(engine: Engine) -> None:
        progress = Progress()
        drawing = asyncio.create_task(engine.draw(job(steps=500), 1, progress))
        while not progress.step:
            await asyncio.sleep(0.02)
        assert engine.pid
        os.kill(engine.pid, sent)
        with pytest.raises(EngineDied, match=how):
            await drawing
        assert (await draw(engine, job())).pictures

    play(story, tmp_path)


def test_errors_of_the_task_leave_the_engine_alive(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pid = engine.pid
        for fault, code, transient in [
            ("oom@2", "out_of_memory", True),
            ("nan", "bad_output", False),
            ("black", "bad_output", False),
            ("error@2", "engine_error", True),
            ("melt@2", "refused", False),
        ]:
            with pytest.raises(TaskFailed) as caught:
                await draw(engine, job(fault=fault))
            assert (caught.value.code, caught.value.transient) == (code, transient)
            assert not caught.value.message[0].islower()
            assert caught.value.message.endswith(".")
        for fault in ("oom_once@2", "nan_once", "black_once"):
            assert (await draw(engine, job(fault=fault))).pictures
        assert engine.pid == pid

    play(story, tmp_path)


def test_a_fault_strikes_only_as_many_attempts_as_asked(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        with pytest.raises(TaskFailed):
            await draw(engine, job(fault="nan", fault_times="1"), attempt=1)
        assert (await draw(engine, job(fault="nan", fault_times="1"), attempt=2)).pictures

    play(story, tmp_path)


def test_a_canceled_job_stops_within_two_steps(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        progress = Progress()
        work = job(steps=500)
        drawing = asyncio.create_task(engine.draw(work, 1, progress))
        while progress.step < 3:
            await asyncio.sleep(0.01)
        seen = progress.step
        assert engine.cancel(work["id"])
        with pytest.raises(EngineStopped):
            await drawing
        assert progress.step <= seen + 2
        assert (await draw(engine, job(1))).pictures

    play(story, tmp_path)


def test_the_next_job_is_drawn_while_the_last_is_encoded_and_never_two_at_once(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        order: list[str] = []

        async def one(number: int) -> None:
            progress = Progress()
            drawing = asyncio.create_task(engine.draw(job(number), 1, progress))
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
    monkeypatch.setattr(engines, "QUARANTINE_SECONDS", 1.0)

    async def story(engine: Engine) -> None:
        for _ in range(4):
            with pytest.raises(EngineDied):
                await draw(engine, job(1, fault="exit@1"))
        assert await engine.usable()
        for number in (2, 3):
            with pytest.raises(EngineDied):
                await draw(engine, job(number, fault="exit@1"))
        assert not await engine.usable()
        assert "exited with status 3" in engine.sick
        # Past its quarantine it must pass a self-check before it serves again.
        while engine.sick:
            await asyncio.sleep(0.05)
        assert (await draw(engine, job())).pictures

    play(story, tmp_path)


def test_the_engine_learns_no_secret_and_imports_no_torch_for_simulated_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3_SECRET_KEY", "hunter2")
    monkeypatch.setenv("RABBITMQ_URL", "amqp://someone:hunter2@broker")

    async def story(engine: Engine) -> None:
        await draw(engine, job())
        child = Path(f"/proc/{engine.pid}")
        assert b"hunter2" not in (child / "environ").read_bytes()
        assert "torch" not in (child / "maps").read_text()
        assert (child / "oom_score_adj").read_text().strip() == "500"

    play(story, tmp_path)


def test_the_engine_dies_with_its_supervisor_even_while_it_hangs(tmp_path: Path) -> None:
    script = (
        "import asyncio\n"
        "from pathlib import Path\n"
        "from tests.test_engine import _running, job, Progress\n"
        "async def main():\n"
        f"    async with _running(Path({str(tmp_path)!r})) as engine:\n"
        "        await engine.usable()\n"
        "        progress = Progress()\n"
        "        asyncio.create_task(engine.draw(job(fault='hang@1'), 1, progress))\n"
        "        await asyncio.sleep(0.3)\n"
        "        print(engine.pid, flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).resolve().parents[1]
    with subprocess.Popen([sys.executable, "-c", script], cwd=root, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout
        pid = int(next(line for line in supervisor.stdout if line.strip().isdigit()))
        supervisor.kill()
    end = time.monotonic() + 5
    while _alive(pid):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_gpu_has_one_engine_at_a_time(tmp_path: Path) -> None:
    lock = process.hold_gpu(tmp_path, 3)
    with pytest.raises(BlockingIOError):
        process.hold_gpu(tmp_path, 3)
    process.hold_gpu(tmp_path, 4).close()
    lock.close()
    process.hold_gpu(tmp_path, 3).close()


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False
