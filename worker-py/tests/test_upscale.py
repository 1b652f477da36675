"""A finished picture is drawn again, larger: on a tiny folder of the x4 upscaler's class. What it shares with every class is in test_classes."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the engine's: these cores are shared
pytest.importorskip("diffusers", reason="the engine's packages are not installed", exc_type=ImportError)

from darkroom_worker.catalog import Sizes
from darkroom_worker.tasks.task import Refused, Unloadable
from darkroom_worker.tasks.upscale import Upscale, create
from tests import tiny
from tests.orders import draw, order, picture_file, setup, tiny_model

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("default")]


def loaded(tmp_path: Path | None = None, **changes: Any) -> Upscale:
    task = create(tiny_model("upscale", tiny.folder("upscale"), **changes), setup(tmp_path))
    assert isinstance(task, Upscale)
    task.load()
    return task


@pytest.fixture(scope="module")
def task() -> Upscale:
    return loaded()


def enlarged(task: Upscale, file: bytes, **spec: Any) -> bytes:
    wanted = order(task.model, steps=2, **spec)
    wanted.image = file
    (picture,) = draw(task, wanted)
    assert picture.size == (wanted.job.spec.width, wanted.job.spec.height)
    return picture.tobytes()


def test_what_comes_out_is_four_times_as_large_and_made_of_what_went_in(task: Upscale) -> None:
    wide = {"width": 128, "height": 64}
    one = enlarged(task, picture_file(32, 16), **wide)
    assert enlarged(task, picture_file(32, 16), **wide) == one
    assert enlarged(task, picture_file(32, 16, left="white"), **wide) != one
    assert enlarged(task, picture_file(32, 16), **wide, seed=8) != one


@pytest.mark.parametrize("kind", ["WEBP", "JPEG"])
def test_any_format_that_a_job_may_have_made_is_read(task: Upscale, kind: str) -> None:
    assert enlarged(task, picture_file(16, 16, kind=kind))


def _bomb() -> bytes:
    """A PNG that says it has 60 000 x 60 000 pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    header = (60_000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (b"", "cannot be read"),
        (b"no picture", "cannot be read"),
        (picture_file(16, 16)[:-40], "cannot be read"),
        (picture_file(16, 16, kind="BMP"), "cannot be read"),
        (_bomb(), "cannot be read"),
        (picture_file(32, 16), "has 32 x 16 pixels, and 16 x 16 were expected"),
    ],
    ids=["nothing", "no picture", "cut off", "a format that no job makes", "a bomb", "another size"],
)
def test_what_is_no_picture_of_that_size_is_refused_before_anything_is_drawn(
    task: Upscale, file: bytes, why: str
) -> None:
    with pytest.raises(Refused, match=why):
        enlarged(task, file)


def test_the_check_and_the_warm_up_need_nobodys_picture(tmp_path: Path) -> None:
    task = loaded(tmp_path, batch_cap=2)
    task.check()
    assert task._previewer.fitted
    assert set(task.warm_up()) == {"64x64"}
    assert task.draw_alone(task.usual()).tobytes() == task.draw_alone(task.usual()).tobytes()


def test_an_entry_that_does_not_fit_its_model_is_told() -> None:
    with pytest.raises(Unloadable, match="4 times as large, and the catalogue has scale: 2"):
        loaded(scale=2)
    with pytest.raises(Unloadable, match="must be a multiple of 16, 8 is none"):
        loaded(sizes=Sizes(multiple_of=8))
