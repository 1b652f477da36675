"""The weights that are shipped draw what they are asked for, in the stock pipelines alone."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionPipeline
from safetensors.torch import load_file

from train import autoencoder, text
from train.export import export, resume
from train.judge.colour import DIFFERENT, Floats, backdrop_colour, backdrop_of, colour_of, measure_renders
from train.judge.prompts import Prompt, sheet
from train.judge.report import draw, renders
from train.settings import Settings

MODEL = Path(__file__).resolve().parents[1]
LIMIT = 40_000_000  # bytes of the repository
PRODUCTS = ("mug", "shoe")
STEPS = 10


@pytest.fixture(scope="module")
def known() -> dict[tuple[str, str], Floats]:
    return measure_renders(PRODUCTS)


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionPipeline:
    return StableDiffusionPipeline.from_pretrained(MODEL, dtype=torch.float32, safety_checker=None)


def right(pictures: np.ndarray, prompts: list[Prompt], known: dict[tuple[str, str], Floats]) -> list[tuple[bool, bool]]:
    """Colour and backdrop of each."""
    return [
        (colour_of(picture, known[p.product, p.backdrop]) == p.colour, backdrop_of(picture) == p.backdrop)
        for picture, p in zip(pictures, prompts, strict=True)
    ]


def test_the_weights_fit_into_the_repository() -> None:
    weights = list(MODEL.glob("*/*.safetensors"))
    assert len(weights) == 3
    assert sum(path.stat().st_size for path in weights) <= LIMIT


def test_pictures_follow_product_colour_and_backdrop(
    pipeline: StableDiffusionPipeline, known: dict[tuple[str, str], Floats]
) -> None:
    every = sheet(PRODUCTS)
    prompts = [*every[:16], *every[-8:]]
    pictures = draw(pipeline, prompts, STEPS, 3.0)
    answers = right(pictures, prompts, known)
    assert np.mean([colour for colour, _ in answers]) >= 0.9
    assert np.mean([backdrop for _, backdrop in answers]) >= 0.9
    shapes = {
        product: silhouette(np.stack([x for x, p in zip(pictures, prompts, strict=True) if p.product == product]))
        for product in PRODUCTS
    }
    rendered = {product: silhouette(renders([p for p in prompts if p.product == product], 5)) for product in PRODUCTS}
    for product, other in (PRODUCTS, PRODUCTS[::-1]):
        assert overlap(shapes[product], rendered[product]) > 0.8
        assert overlap(shapes[product], rendered[other]) < 0.6


@pytest.mark.parametrize("guidance", [1.0, 8.0])
def test_guidance_works_from_one_to_eight(
    guidance: float, pipeline: StableDiffusionPipeline, known: dict[tuple[str, str], Floats]
) -> None:
    prompts = sheet(PRODUCTS, ("red", "green", "blue", "yellow"), ("white", "dark"))[:8]
    answers = right(draw(pipeline, prompts, STEPS, guidance), prompts, known)
    assert sum(colour for colour, _ in answers) >= 7
    assert sum(backdrop for _, backdrop in answers) >= 7


def test_a_red_mug_becomes_a_blue_one(pipeline: StableDiffusionPipeline, known: dict[tuple[str, str], Floats]) -> None:
    red, blue = (f"a {colour} mug on a white background" for colour in ("red", "blue"))
    before = pipeline(red, num_inference_steps=STEPS, guidance_scale=3.0, generator=torch.Generator().manual_seed(0))
    again = StableDiffusionImg2ImgPipeline(**pipeline.components, requires_safety_checker=False)
    after = again(
        blue, image=before.images[0], strength=0.7, num_inference_steps=20, guidance_scale=3.0,
        generator=torch.Generator().manual_seed(1),
    )  # fmt: skip
    first, second = np.asarray(before.images[0]), np.asarray(after.images[0])
    assert [colour_of(x, known["mug", "white"]) for x in (first, second)] == ["red", "blue"]
    # The same mug: only its colour has changed.
    assert overlap(silhouette(first[None]), silhouette(second[None])) > 0.8


def test_what_is_exported_can_be_trained_further(tmp_path: Path) -> None:
    settings = Settings(folder=tmp_path / "run")
    resume(settings, MODEL)
    text.train(settings)
    autoencoder.train(settings)  # both are done, and leave their parts alone
    export(settings, tmp_path / "pipeline")
    for name in ("training.json", "unet/config.json", "scheduler/scheduler_config.json"):
        assert json.loads((tmp_path / "pipeline" / name).read_text()) == json.loads((MODEL / name).read_text())
    for part in ("text_encoder/model", "unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model"):
        before, after = (load_file(folder / f"{part}.safetensors") for folder in (MODEL, tmp_path / "pipeline"))
        assert before.keys() == after.keys()
        assert all(torch.equal(before[key], after[key]) for key in before)
    with pytest.raises(FileExistsError, match="holds a model already"):
        resume(settings, MODEL)


def silhouette(pictures: np.ndarray) -> np.ndarray:
    """(h, w): how often a pixel differs from its picture's backdrop."""
    return np.asarray(np.mean([np.abs(x / 255 - backdrop_colour(x)).max(-1) > DIFFERENT for x in pictures], axis=0))


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Of two silhouettes, intersection over union."""
    return float(np.minimum(first, second).sum() / np.maximum(first, second).sum())
