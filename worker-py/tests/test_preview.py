"""Latents become a small picture: what it shows, how big it may be, for every class."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the engine's: these cores are shared
pytest.importorskip("diffusers", reason="the engine's packages are not installed", exc_type=ImportError)

import diffusers
import torch
from PIL import Image

from darkroom_worker.tasks import preview
from darkroom_worker.tasks.preview import Previewer
from tests import tiny
from tests.orders import Said, order, pocket_studio

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("default")]

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = [
    ("DDIMScheduler", {}),
    ("DPMSolverMultistepScheduler", {"lambda_min_clipped": -5.1}),
    ("EulerDiscreteScheduler", {}),
    ("LMSDiscreteScheduler", {}),
    ("UniPCMultistepScheduler", {}),
]

SIDE = pocket_studio().defaults.width


@pytest.fixture(scope="module")
def pocket() -> Any:
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(
        ROOT / "models" / "pocket-studio", use_safetensors=True, dtype=torch.float32
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture(scope="module")
def previewer(pocket: Any) -> Previewer:
    """It has seen a red mug."""
    previewer = Previewer(pocket)
    previewer.fit(*draw(pocket, previewer, "a red mug on a white background", 6)[:2])
    return previewer


def draw(
    pipeline: Any, previewer: Previewer, prompt: str, steps: int, width: int = SIDE, height: int = SIDE
) -> tuple[Any, Any, list[bytes]]:
    """Finished latents, pixels from 0 to 1, and a preview after each step."""
    shown: list[bytes] = []
    previewer.watch(pipeline.scheduler)

    def after_step(_: Any, __: int, ___: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        shown.append(previewer.draw(0, width, height))
        return tensors

    latents = pipeline(
        prompt, width=width, height=height, num_inference_steps=steps, guidance_scale=3, output_type="latent",
        generator=torch.Generator().manual_seed(3), callback_on_step_end=after_step,
    ).images  # fmt: skip
    spread = latents
    if latents.ndim == 3:
        spread = pipeline._unpack_latents(latents, height, width, pipeline.vae_scale_factor)
    vae = pipeline.vae
    with torch.no_grad():
        raw = spread / vae.config.scaling_factor + (vae.config.get("shift_factor") or 0)
        pixels = vae.decode(raw, return_dict=False)[0] / 2 + 0.5
    return latents, pixels, shown


def colours(jpeg: bytes) -> torch.Tensor:
    """3 x 16 x 16, 0 to 1."""
    picture = Image.open(io.BytesIO(jpeg)).resize((16, 16), Image.Resampling.BOX)
    return torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).reshape(16, 16, 3).permute(2, 0, 1) / 255


@pytest.mark.parametrize(("scheduler", "options"), FAMILIES)
def test_a_third_of_the_way_the_preview_shows_what_the_picture_will_be(
    pocket: Any, previewer: Previewer, scheduler: str, options: dict[str, Any]
) -> None:
    base = diffusers.DDIMScheduler.load_config(ROOT / "models" / "pocket-studio" / "scheduler")
    pocket.scheduler = getattr(diffusers, scheduler).from_config(base, **options)
    _, pixels, shown = draw(pocket, previewer, "a photo of a blue ball on a white background", 9)
    end = torch.nn.functional.interpolate(pixels.clamp(0, 1), (16, 16), mode="area")[0]
    for jpeg in shown[3:]:
        together = torch.stack([colours(jpeg).flatten(), end.flatten()])
        assert torch.corrcoef(together)[0, 1] > 0.9
        assert colours(jpeg)[:, 7:9, 7:9].mean(dim=(1, 2)).argmax() == 2, "the ball is blue, which the mug was not"


@pytest.mark.parametrize("name", ["sd", "sdxl", "sd3", "flux", "upscale"])
def test_latents_of_every_class_can_be_shown_packed_or_not(name: str) -> None:
    pipeline = diffusers.DiffusionPipeline.from_pretrained(tiny.folder(name))
    pipeline.set_progress_bar_config(disable=True)
    previewer = Previewer(pipeline)
    if name == "upscale":
        latents = torch.randn(1, 4, 16, 32, generator=torch.Generator().manual_seed(0))
        previewer.fit(latents, torch.rand(1, 3, 64, 128))
        previewer.watch(pipeline.scheduler)
        pipeline.scheduler.set_timesteps(2)
        pipeline.scheduler.step(torch.zeros_like(latents), pipeline.scheduler.timesteps[0], latents)
        shown = [previewer.draw(0, 128, 64)]
    else:
        latents, pixels, nothing = draw(pipeline, previewer, "a mug", 2, 128, 64)
        assert set(nothing) == {b""}, "before it has seen a picture"
        previewer.fit(latents, pixels)
        pipeline.scheduler = pipeline.scheduler.from_config(pipeline.scheduler.config)
        shown = draw(pipeline, previewer, "a mug", 2, 128, 64)[2]
    for jpeg in shown:
        assert Image.open(io.BytesIO(jpeg)).size == (128, 64)


def test_watching_changes_nothing_in_the_picture(pocket: Any) -> None:
    base = diffusers.EulerDiscreteScheduler.from_config(pocket.scheduler.config).config
    pictures = []
    for watched in (True, False):
        pocket.scheduler = diffusers.EulerDiscreteScheduler.from_config(base)
        if watched:
            Previewer(pocket).watch(pocket.scheduler)
        generator = torch.Generator().manual_seed(1)
        pictures.append(pocket("a mug", num_inference_steps=3, generator=generator, output_type="latent").images)
    assert torch.equal(*pictures)


@pytest.mark.parametrize("size", [(192, 192), (192, 8), (1000, 1000)])
def test_whatever_it_shows_a_preview_fits_into_12_000_bytes(size: tuple[int, int]) -> None:
    noise = Image.frombytes("RGB", size, os.urandom(size[0] * size[1] * 3))
    assert len(preview.encode(noise)) <= 12_000


def test_numbers_that_went_wrong_are_shown_as_black_not_as_an_error(pocket: Any) -> None:
    previewer = Previewer(pocket)
    shape = (1, pocket.unet.config.in_channels, 16, 16)
    previewer.fit(torch.randn(shape), torch.rand(1, 3, SIDE, SIDE))
    pocket.scheduler = diffusers.DDIMScheduler.from_config(pocket.scheduler.config)
    previewer.watch(pocket.scheduler)
    pocket.scheduler.set_timesteps(2)
    nothing = torch.full(shape, torch.nan)
    pocket.scheduler.step(nothing, pocket.scheduler.timesteps[0], nothing)
    assert colours(previewer.draw(0, SIDE, SIDE)).max() < 0.1
    previewer.forget()
    assert previewer.draw(0, SIDE, SIDE) == b""


@pytest.mark.parametrize(("previews", "shown_at"), [(True, [0.5, 1.0, 1.5, 2.0]), (False, [])])
def test_a_preview_is_made_at_most_twice_a_second_and_never_when_they_are_off(
    monkeypatch: pytest.MonkeyPatch, previews: bool, shown_at: list[float]
) -> None:
    now = 0.0
    monkeypatch.setattr("darkroom_worker.tasks.task.time.monotonic", lambda: now)
    said = Said()
    shown: list[float] = []
    wanted = order(pocket_studio(), said)
    wanted.previews, wanted._previewed_at = previews, now

    def picture() -> bytes:
        shown.append(now)
        return b"a picture"

    for step in range(1, 9):
        now = step / 4
        wanted.step(step, 8, picture)
    assert shown == shown_at
    assert [word["step"] for word in said if word["blob"]] == [round(4 * when) for when in shown_at]
    assert len(said.steps()) == 8
