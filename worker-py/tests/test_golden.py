"""The golden picture: other weights are caught, the last bits are not, and every way it cannot be compared has its reason."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the engine's: these cores are shared
pytest.importorskip("diffusers", reason="the engine's packages are not installed", exc_type=ImportError)

import torch
from PIL import Image, ImageChops

from darkroom_worker.catalog import Model
from darkroom_worker.messages import Spec
from darkroom_worker.tasks import golden
from darkroom_worker.tasks.task import BadOutput, Unfit
from darkroom_worker.tasks.text_to_image import TextToImage
from tests import orders

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("default")]

HERE = ("cpu", "float32")


@pytest.fixture(scope="module")
def model() -> Model:
    return orders.pocket_studio()


@pytest.fixture(scope="module")
def task(model: Model) -> TextToImage:
    task = TextToImage(model, orders.setup())
    task.load()
    return task


@pytest.fixture
def noisy(task: TextToImage) -> Iterator[Any]:
    """Adds noise to the UNet's weights, as a part of each one's own spread; takes it out afterwards."""
    unet = task._pipeline.unet
    sound = {name: weight.clone() for name, weight in unet.state_dict().items()}

    def add(part: float) -> None:
        dice = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for weight in unet.parameters():
                weight.add_(part * torch.randn(weight.shape, generator=dice) * weight.std(correction=0))

    yield add
    unet.load_state_dict(sound)


def test_the_default_model_draws_its_golden_picture(task: TextToImage) -> None:
    task.check()
    assert task._previewer.fitted, "the check's picture also teaches the preview its colours"


def test_weights_that_differ_in_the_last_bits_pass_and_other_weights_do_not(task: TextToImage, noisy: Any) -> None:
    noisy(1e-5)
    task.check()
    noisy(0.1)
    with pytest.raises(Unfit, match=r"draws something else than .*golden.png: .* make golden MODEL=pocket-studio"):
        task.check()


def test_another_number_of_threads_passes(task: TextToImage) -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3 - min(threads, 2))
        task.check()
    finally:
        torch.set_num_threads(threads)


def usual(model: Model) -> Spec:
    assert model.golden
    return golden.read(model)[1]


def test_what_is_recorded_holds_its_settings(model: Model, tmp_path: Path) -> None:
    spec = usual(model).model_copy(update={"seed": 5, "guidance_scale": 4.5})
    picture = Image.new("RGB", (128, 128), "teal")
    here = model.model_copy(update={"golden": str(tmp_path / "new" / "golden.png")})
    golden.record(Path(str(here.golden)), here, picture, spec, ("cuda", "float16"))
    again, read, there = golden.read(here)
    assert (again.tobytes(), read, there) == (picture.tobytes(), spec, ("cuda", "float16"))
    shifted = ImageChops.add(picture, Image.new("RGB", picture.size, (2, 2, 2)))
    golden.check(here, lambda _: shifted, spec, HERE)  # off by 2: allowed by where it was recorded


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.unlink(), "cannot be read"),
        (lambda path: path.write_bytes(b"no picture"), "cannot be read"),
        (lambda path: Image.new("RGB", (128, 128)).save(path), "does not tell how it was drawn"),
    ],
)
def test_what_cannot_be_compared_has_its_reason(model: Model, tmp_path: Path, spoil: Any, reason: str) -> None:
    path = tmp_path / "golden.png"
    shutil.copy(str(model.golden), path)
    spoil(path)
    with pytest.raises(Unfit, match=reason):
        golden.check(
            model.model_copy(update={"golden": str(path)}), lambda _: Image.new("RGB", (128, 128)), usual(model), HERE
        )


def test_another_size_another_model_and_a_broken_picture_are_told(model: Model) -> None:
    with pytest.raises(Unfit, match="it drew 64 x 64 pixels"):
        golden.check(model, lambda _: Image.new("RGB", (64, 64)), usual(model), HERE)
    with pytest.raises(Unfit, match="is of the model pocket-studio"):
        golden.check(
            model.model_copy(update={"id": "other"}), lambda _: Image.new("RGB", (128, 128)), usual(model), HERE
        )

    def broken(_: Spec) -> Image.Image:
        raise BadOutput("The picture came out black.")

    for entry in (model, model.model_copy(update={"golden": None})):
        with pytest.raises(Unfit, match="came out black"):
            golden.check(entry, broken, usual(model), HERE)
