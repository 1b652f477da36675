"""The real diffusers path on the default model, on a CPU, a few steps at a time."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the engine's: these cores are shared
pytest.importorskip("diffusers", reason="the engine's packages are not installed", exc_type=ImportError)

import torch
from PIL.Image import Image, Resampling

from darkroom_worker.catalog import Model
from darkroom_worker.tasks import pipeline
from darkroom_worker.tasks.task import DeviceLost, Refused
from darkroom_worker.tasks.text_to_image import TextToImage
from tests.orders import Failed, Said, draw, order, pocket_studio, setup

DRAWN: dict[str, Image] = {}
MIDDLE = (0.4, 0.45, 0.6, 0.65)

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def model() -> Model:
    return pocket_studio()


@pytest.fixture(scope="module")
def task(model: Model) -> TextToImage:
    task = TextToImage(model, setup())
    task.load()
    return task


def test_a_prompt_becomes_a_picture_of_its_colour(task: TextToImage, model: Model) -> None:
    for colour, channel in (("red", 0), ("green", 1), ("blue", 2)):
        (picture,) = draw(task, order(model, prompt=f"a {colour} ball on a white background", steps=10))
        assert picture.size == (model.defaults.width, model.defaults.height)
        red, green, blue = mean(picture, MIDDLE)
        assert max((red, 0), (green, 1), (blue, 2))[1] == channel


def mean(picture: Image, place: tuple[float, float, float, float]) -> tuple[int, int, int]:
    """Colour of a part. place: left, upper, right and lower, as shares of the sides."""
    part = picture.crop(tuple(round(share * picture.width) for share in place))  # type: ignore[arg-type]
    return part.resize((1, 1), Resampling.BOX).getpixel((0, 0))  # type: ignore[return-value]


@pytest.mark.parametrize("scheduler", pocket_studio().schedulers)
def test_every_sampler_of_the_default_model_draws_what_ddim_draws(
    task: TextToImage, model: Model, scheduler: str
) -> None:
    """Some draw another noise on the way, and so another shape: product and backdrop must have the colours that DDIM's have."""
    wanted: dict[str, Any] = {"prompt": "a shiny orange ball on a dark background", "steps": 8}
    if "ddim" not in DRAWN:
        DRAWN["ddim"] = draw(task, order(model, scheduler="ddim", **wanted))[0]
    (picture,) = draw(task, order(model, scheduler=scheduler, **wanted))
    for place in (MIDDLE, (0, 0, 0.2, 0.2), (0.8, 0.8, 1, 1)):
        colours = [mean(shown, place) for shown in (picture, DRAWN["ddim"])]
        apart = [abs(one - other) for one, other in zip(*colours, strict=True)]
        assert max(apart) < 40, (place, *colours)


@pytest.mark.parametrize("scheduler", ["ddim", "euler_a"])
def test_each_image_reproduces_alone_bit_for_bit(task: TextToImage, model: Model, scheduler: str) -> None:
    three = draw(task, order(model, n=3, scheduler=scheduler))
    assert len({picture.tobytes() for picture in three}) == 3
    for index, picture in enumerate(three):
        (alone,) = draw(task, order(model, seed=7 + index, scheduler=scheduler))
        assert alone.tobytes() == picture.tobytes()


def test_neither_another_job_nor_another_scheduler_leaves_a_trace_or_loads_anything(
    task: TextToImage, model: Model
) -> None:
    (before,) = draw(task, order(model))
    weights = task._pipeline.unet
    draw(task, order(model, scheduler="dpmpp_2m", guidance_scale=9, steps=3, negative_prompt="blue"))
    (after,) = draw(task, order(model))
    assert after.tobytes() == before.tobytes()
    assert task._pipeline.unet is weights


def test_steps_stages_and_previews_are_told(task: TextToImage, model: Model) -> None:
    task.draw_alone(task.usual(steps=2))  # as the check does: previews take their map from it
    said = Said()
    wanted = order(model, said, n=2)
    wanted._previewed_at = 0
    draw(task, wanted)
    assert [(word["step"], word["steps"]) for word in said if word["say"] == "step"] == [
        (step, 8) for step in range(1, 9)
    ]
    stages = [word["stage"] for word in said if word["say"] == "stage"]
    assert stages[0] == "denoising"
    assert "decoding" in stages
    previews = [word["blob"] for word in said if word["blob"]]
    assert previews
    assert all(blob.startswith(b"\xff\xd8") and len(blob) <= 12_000 for blob in previews)


def test_a_cancel_is_heard_at_the_next_step(task: TextToImage, model: Model) -> None:
    said = Said()
    wanted = order(model, said, steps=40)

    def stop_at_three(head: dict[str, Any], blob: bytes) -> None:
        said(head, blob)
        if head.get("step") == 3:
            wanted.stop.set()

    wanted.say = stop_at_three
    with pytest.raises(Failed, match="stopped"):
        draw(task, wanted)
    assert max(word["step"] for word in said if word["say"] == "step") == 3


@pytest.mark.parametrize("fault", ["nan", "black"])
def test_a_broken_picture_is_an_error_unless_the_second_decoding_is_sound(
    task: TextToImage, model: Model, fault: str
) -> None:
    with pytest.raises(Failed, match=r"not a number|black"):
        draw(task, order(model, fault=fault))
    (sound,) = draw(task, order(model))
    (mended,) = draw(task, order(model, fault=f"{fault}_once"))
    assert mended.tobytes() == sound.tobytes()


def test_numbers_that_went_wrong_in_the_weights_are_an_error(task: TextToImage, model: Model) -> None:
    bias = task._pipeline.unet.conv_out.bias.data
    sound = bias.clone()
    bias.fill_(torch.nan)
    try:
        with pytest.raises(Failed, match="not a number"):
            draw(task, order(model))
    finally:
        bias.copy_(sound)


def test_out_of_memory_is_tried_once_more_in_place(task: TextToImage, model: Model) -> None:
    (sound,) = draw(task, order(model))
    (again,) = draw(task, order(model, fault="oom_once@2"))
    assert again.tobytes() == sound.tobytes()
    with pytest.raises(Failed, match="256 x 256 pixels do not fit"):
        draw(task, order(model, fault="oom@2"))


def test_room_is_made_when_nothing_of_the_failed_try_is_held(
    task: TextToImage, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[object] = []
    monkeypatch.setattr(pipeline, "rest", lambda _device: held.append(sys.exc_info()[1]))
    draw(task, order(model, fault="oom_once@2"))
    assert held == [None]


def test_infinity_is_no_white(task: TextToImage, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = task._pipeline.vae.decoder
    monkeypatch.setattr(decoder, "forward", lambda latents: torch.full((1, 3, 256, 256), torch.inf))
    with pytest.raises(Failed, match="bad_output"):
        draw(task, order(model))


def test_a_device_that_failed_for_good_ends_the_engine_and_any_other_error_does_not(
    task: TextToImage, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("CUDA error: device-side assert triggered\nCompile with TORCH_USE_CUDA_DSA")

    monkeypatch.setattr(TextToImage, "_denoise", fail)
    with pytest.raises(RuntimeError, match="CUDA error"):
        draw(task, order(model))
    monkeypatch.setattr(task, "_device", "cuda")
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    with pytest.raises(RuntimeError, match="CUDA error"):
        draw(task, order(model))
    monkeypatch.setattr(torch.cuda, "synchronize", fail)
    with pytest.raises(DeviceLost, match="device-side assert triggered"):
        draw(task, order(model))


def test_a_larger_batch_is_halved_when_memory_ends(
    task: TextToImage, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task, "model", model.model_copy(update={"batch_cap": 2}))
    said = Said()
    pictures = draw(task, order(model, said, n=3, fault="oom_once@6"))
    assert len(pictures) == 3
    told = [(word["step"], word["steps"]) for word in said if word["say"] == "step"]
    assert told[:5] == [(step, 8) for step in range(1, 6)]
    assert told[5:] == [(step, 8) for step in range(5, 9)]


def test_a_scheduler_that_the_model_does_not_know_is_refused(task: TextToImage, model: Model) -> None:
    with pytest.raises(Refused, match="Choose from ddim"):
        draw(task, order(model, scheduler="flow_euler"))


def test_the_self_check_draws(task: TextToImage, model: Model) -> None:
    task.check()
