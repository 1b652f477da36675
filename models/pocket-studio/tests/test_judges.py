"""Judges believe renders and do not believe noise."""

import numpy as np
import pytest
import torch

from renderer.library import render, scenes_of
from renderer.scene import Shot
from renderer.stock import BACKDROPS, COLOURS
from train.judge.colour import backdrop_of, colour_of, measure_renders
from train.judge.distance import frechet_distance
from train.shots import draw_untold

JUDGED = ("mug", "watch", "headphones")  # plain, mostly dial, with black pads


@pytest.fixture(scope="module")
def known() -> dict[tuple[str, str], np.ndarray]:
    return measure_renders(JUDGED)


def renders(product: str, seed: int) -> tuple[list[Shot], np.ndarray]:
    rng = np.random.default_rng(seed)
    shots = [draw_untold(rng, product, colour, backdrop) for colour in COLOURS for backdrop in BACKDROPS]
    return shots, render(scenes_of(shots, rng, 0.35), 128)


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


@pytest.mark.parametrize("backdrop", BACKDROPS)
def test_nothing_and_noise_have_no_colour(backdrop: str, known: dict[tuple[str, str], np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    empty = np.full((128, 128, 3), BACKDROPS[backdrop], np.uint8)
    noise = rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)
    for picture in (empty, noise):
        assert all(colour_of(picture, known[product, backdrop]) is None for product in JUDGED)


def test_the_distance_is_least_between_alike_and_grows_with_difference() -> None:
    numbers = torch.Generator().manual_seed(0)
    a, b, c = (torch.randn(400, 16, generator=numbers) for _ in range(3))
    floor = frechet_distance(a, b)
    assert 0 < floor < 0.5
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(a, c + 0.5) == pytest.approx(16 * 0.5**2, rel=0.2)
    assert frechet_distance(a, 2 * c) == pytest.approx(16 * (2 - 1) ** 2, rel=0.2)


def test_the_distance_sees_features_that_go_together() -> None:
    """Against the trace of the root worked out from the (real, positive) eigenvalues of the product itself."""
    numbers = torch.Generator().manual_seed(1)
    a, b = (torch.randn(4000, 6, generator=numbers) @ torch.randn(6, 6, generator=numbers) for _ in range(2))
    spread_a, spread_b = torch.cov(a.T.double()), torch.cov(b.T.double())
    shared = torch.linalg.eigvals(spread_a @ spread_b).real.sqrt().sum()
    apart = (a.double().mean(0) - b.double().mean(0)).square().sum()
    expected = float(apart + spread_a.trace() + spread_b.trace() - 2 * shared)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)
