"""What a model does before its first job, on a tiny one: it measures how many rows pay together, and compiles what it will be asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("diffusers", reason="the engine's packages are not installed", exc_type=ImportError)

import torch

from darkroom_worker.catalog import Speed
from darkroom_worker.tasks.profile import Profile
from darkroom_worker.tasks.text_to_image import Row, TextToImage
from tests import tiny
from tests.orders import draw, order, setup, tiny_model

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("default")]


class Watched(TextToImage):
    """Remembers how many rows of which width each of its drawings had."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.drawn: list[tuple[int, int]] = []

    def _denoise(self, rows: Sequence[Row], after_step: Callable[[int], None]) -> torch.Tensor:
        self.drawn.append((rows[0].spec.width, len(rows)))
        return super()._denoise(rows, after_step)


def loaded(tmp_path: Path, **speed: Any) -> Watched:
    model = tiny_model("sd", tiny.folder("sd"), speed=Speed(warm_up=[[64, 64], [128, 64]], **speed))
    task = Watched(model, setup(tmp_path))
    task.load()
    return task


def test_rows_that_pay_are_measured_for_each_size_once_and_a_drawing_keeps_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = loaded(tmp_path)
    caps = first.warm_up()
    assert set(caps) == {"64x64", "128x64"}
    assert all(1 <= cap <= first.model.batch_cap for cap in caps.values())
    assert {(64, 1), (64, 2), (128, 1), (128, 2)} <= set(first.drawn)
    again = loaded(tmp_path)
    assert again.warm_up() == caps
    assert again.drawn == [(64, 1), (128, 1)], "each size once, and nothing is measured"
    monkeypatch.setattr(Profile, "caps", lambda *_: {"64x64": 2, "128x64": 1})
    again.warm_up()
    for width, batch in ((64, 2), (128, 1)):
        wanted = order(again.model, n=3, width=width)
        assert len(draw(again, wanted)) == 3
        assert wanted.batch == batch


def test_a_compiled_model_has_seen_its_full_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "")
    monkeypatch.setattr(Profile, "caps", lambda *_: {"64x64": 3, "128x64": 2})  # known from an earlier start
    task = loaded(tmp_path, compile=True)
    task.warm_up()
    assert {(64, 3), (128, 2)} <= set(task.drawn)
