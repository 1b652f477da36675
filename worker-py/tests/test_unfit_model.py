"""Models that an engine with diffusers in it cannot serve: each has its reason, and the one beside them goes on drawing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

pytest.importorskip("diffusers", reason="the engine's packages are not installed", exc_type=ImportError)

from PIL import Image

from darkroom_worker.messages import Job
from darkroom_worker.tasks import golden
from tests import tiny
from tests.engines import draw, running
from tests.engines import job as simulated_job
from tests.orders import order, tiny_model

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]


def test_a_missing_folder_and_another_picture_than_the_recorded_one_keep_their_models_out_and_no_other(
    tmp_path: Path,
) -> None:
    folder = tiny.folder("sd")
    sound = tiny_model("sd", folder, id="sound")
    missing = tiny_model("sd", tmp_path / "nowhere", id="missing")
    other = tiny_model("sd", folder, id="other", golden=str(tmp_path / "golden.png"))
    recorded: Job = order(other).job
    grey = Image.new("RGB", (recorded.spec.width, recorded.spec.height), "grey")
    golden.record(Path(str(other.golden)), other, grey, recorded.spec, ("cpu", "float32"))

    async def main() -> None:
        async with running(tmp_path, sound, missing, other, WORKER_DEVICE="cpu") as pool:
            found = await asyncio.gather(*(pool.usable(name) for name in ("sound", "missing", "other")))
            assert found == [True, False, False]
            reasons = pool.barred
            assert str(tmp_path / "nowhere") in reasons["missing"]
            assert "draws something else than" in reasons["other"]
            assert "make golden MODEL=other" in reasons["other"]
            spec = simulated_job()["spec"] | {"scheduler": "ddim", "steps": 2}
            work = simulated_job() | {"model": "sound", "task": "text_to_image", "spec": spec}
            assert (await draw(pool, work)).pictures
            assert pool.warm == {"sound"}

    asyncio.run(main())
