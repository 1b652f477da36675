"""Judges believe renders and do not believe noise."""

import numpy as np
import pytest
import torch

from renderer.library import render, scenes_of
from renderer.scene import Shot
from renderer.stock import BACKDROPS, COLOURS
from train.judge.colour import backdrop_of, colour_of
from train.judge.distance import kernel_distance


@pytest.mark.parametrize("product", ["mug", "box", "teapot", "backpack"])
def test_colours_and_backdrops_of_renders_are_measured_rightly(product: str) -> None:
    backdrops = list(BACKDROPS)
    shots = [Shot(product, colour, backdrops[i % len(backdrops)]) for i, colour in enumerate(COLOURS)]
    pictures = render(scenes_of(shots, np.random.default_rng(0), 0.35), 128)
    assert [backdrop_of(picture) for picture in pictures] == [shot.backdrop for shot in shots]
    assert (
        sum(colour_of(picture) == shot.colour for picture, shot in zip(pictures, shots, strict=True)) >= len(shots) - 1
    )


def test_noise_is_right_no_more_often_than_chance() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (3 * len(COLOURS), 64, 64, 3), dtype=np.uint8)
    right = [colour_of(picture) == asked for picture, asked in zip(noise, 3 * list(COLOURS), strict=True)]
    assert np.mean(right) < 0.25


def test_a_picture_of_one_colour_is_not_called_another() -> None:
    for name, rgb in COLOURS.items():
        picture = np.full((128, 128, 3), 250, np.uint8)
        picture[40:90, 40:90] = rgb
        if name != "white":
            assert colour_of(picture) == name


def test_the_distance_is_nothing_between_alike_and_grows_with_difference() -> None:
    numbers = torch.Generator().manual_seed(0)
    a, b, c = (torch.randn(200, 16, generator=numbers) for _ in range(3))
    assert abs(kernel_distance(a, b)) < 0.05
    assert kernel_distance(a, c + 0.5) > 4 * abs(kernel_distance(a, b))
    assert kernel_distance(a, c + 1.0) > kernel_distance(a, c + 0.5)
