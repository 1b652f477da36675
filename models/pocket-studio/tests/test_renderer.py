"""The renderer: the same scene gives the same picture, and every product stands where it should."""

import itertools

import numpy as np
import pytest

from renderer.contact_sheet import shots
from renderer.library import bounds_of, render, scenes_of
from renderer.scene import SCENE, Shot, frame
from renderer.stock import BACKDROPS, COLOURS, MADE_OF, MATERIALS, PRODUCTS


def test_the_same_scenes_give_the_same_bytes_alone_or_in_a_batch() -> None:
    scenes = scenes_of(shots()[::9], np.random.default_rng(5))
    together = render(scenes, 64)
    alone = np.concatenate([render(scenes[i : i + 1], 64) for i in range(len(scenes))])
    assert together.shape == (len(scenes), 64, 64, 3)
    assert np.array_equal(together, alone)


def test_the_same_seed_gives_the_same_scenes_and_another_gives_others() -> None:
    def draw(seed: int) -> bytes:
        return scenes_of(shots()[:20], np.random.default_rng(seed)).tobytes()

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_without_variety_all_seeds_give_one_pose() -> None:
    a, b = (scenes_of([Shot("mug", "red", "white")], np.random.default_rng(seed), 0.0)[0] for seed in (1, 2))
    assert all(np.array_equal(a[name], b[name]) for name in (SCENE.names or ()) if name != "trim")


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_product_stands_within_the_picture_in_its_colour(product: str) -> None:
    scene = scenes_of([Shot(product, "blue", "white")], np.random.default_rng(0), 0.35)
    picture = render(scene, 96)[0].astype(int)
    blue = (picture[..., 2] - picture[..., :2].max(-1)) > 40
    assert blue.mean() > 0.03
    rim = np.concatenate([blue[:3].ravel(), blue[-3:].ravel(), blue[:, :3].ravel(), blue[:, -3:].ravel()])
    assert not rim.any()


def test_the_frame_puts_every_product_in_the_middle() -> None:
    for product in PRODUCTS:
        distance, (right, down) = frame(bounds_of(product), 0.3, 0.3, 0.8)
        assert 1 < distance < 8
        assert right == 0
        assert abs(down) < 0.6


def test_light_from_the_right_is_brighter_on_the_right() -> None:
    left, right = render(
        scenes_of(
            [Shot("ball", "grey", "white", light=side) for side in ("left", "right")], np.random.default_rng(0), 0.0
        ),
        96,
    ).astype(int)
    middle, west, east = slice(40, 56), slice(24, 40), slice(56, 72)
    assert left[middle, west].mean() > left[middle, east].mean() + 10
    assert right[middle, east].mean() > right[middle, west].mean() + 10


def test_materials_differ() -> None:
    pictures = render(
        scenes_of([Shot("ball", "red", "grey", m) for m in MATERIALS], np.random.default_rng(0), 0.0), 96
    ).astype(int)
    for a, b in itertools.combinations(pictures, 2):
        assert np.abs(a - b).mean() > 1


def test_the_stock_is_as_large_as_promised() -> None:
    assert len(PRODUCTS) >= 16
    assert len(COLOURS) >= 12
    assert len(BACKDROPS) >= 5
    assert set(MADE_OF) == set(PRODUCTS)
    assert {m for made in MADE_OF.values() for m in made} == set(MATERIALS)
