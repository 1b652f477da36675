"""Judges believe renders and do not believe noise."""

import numpy as np
import pytest
import torch

from renderer.library import render, scenes_of
from renderer.scene import Shot
from renderer.stock import BACKDROPS, COLOURS
from train.judge.colour import backdrop_of, colour_of, measure_renders
from train.judge.distance import frechet_distance

JUDGED = ("mug", "watch", "headphones")  # plain, mostly dial, with black pads


@pytest.fixture(scope="module")
def known() -> dict[tuple[str, str], np.ndarray]:
    return measure_renders(JUDGED)


def renders(product: str, seed: int) -> tuple[list[Shot], np.ndarray]:
    shots = [Shot(product, colour, backdrop) for colour in COLOURS for backdrop in BACKDROPS]
    return shots, render(scenes_of(shots, np.random.default_rng(seed), 0.35), 128)


@pytest.mark.parametrize("product", JUDGED)
def test_colours_and_backdrops_of_renders_are_measured_rightly(
    product: str, known: dict[tuple[str, str], np.ndarray]
) -> None:
    shots, pictures = renders(product, seed=0)
    assert [backdrop_of(picture) for picture in pictures] == [shot.backdrop for shot in shots]
    wrong = [
        (shot.colour, shot.backdrop)
        for shot, picture in zip(shots, pictures, strict=True)
        if colour_of(picture, known[product, shot.backdrop]) != shot.colour
    ]
    assert len(wrong) <= len(shots) // 20, wrong


def test_noise_is_right_no_more_often_than_chance(known: dict[tuple[str, str], np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (3 * len(COLOURS), 64, 64, 3), dtype=np.uint8)
    right = [
        colour_of(picture, known["mug", "white"]) == asked
        for picture, asked in zip(noise, 3 * list(COLOURS), strict=True)
    ]
    assert np.mean(right) < 0.25


def test_the_distance_is_least_between_alike_and_grows_with_difference() -> None:
    numbers = torch.Generator().manual_seed(0)
    a, b, c = (torch.randn(400, 16, generator=numbers) for _ in range(3))
    floor = frechet_distance(a, b)
    assert 0 < floor < 0.5
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(a, c + 0.5) == pytest.approx(16 * 0.5**2, rel=0.2)
    assert frechet_distance(a, 2 * c) == pytest.approx(16 * (2 - 1) ** 2, rel=0.2)
