"""Draws the shots that a picture set is made of."""

import random

import numpy as np
import numpy.typing as npt

from captions.grammar import caption
from renderer.scene import Shot
from renderer.stock import BACKDROPS, COLOURS, LIGHTS, MADE_OF, MATERIALS, PRODUCTS, SHADOWS, VIEWS
from train.holdout import held_out

# A studio's habits: what no caption names is mostly the first of its table, so that an unnamed thing has one plain meaning.
MATERIAL_WEIGHTS = (8, 5, 2, 2)
RIGHT, HARD, ABOVE, LEVEL, WINDOW = 0.1, 0.3, 0.12, 0.04, 0.08

# A shot as small integers, one column a field of Shot: how sets store their labels.
TABLES = (PRODUCTS, tuple(COLOURS), tuple(BACKDROPS), MATERIALS, LIGHTS, SHADOWS, VIEWS, (False, True))


def draw_shot(rng: np.random.Generator, withheld: bool | None = False) -> Shot:
    """A random shot. withheld: False never a held-out combination, True only those, None all."""
    while True:
        product, colour, backdrop = pick(rng, PRODUCTS), pick(rng, tuple(COLOURS)), pick(rng, tuple(BACKDROPS))
        if withheld is None or held_out(product, colour, backdrop) is withheld:
            return draw_rest(rng, product, colour, backdrop)


def draw_rest(rng: np.random.Generator, product: str, colour: str, backdrop: str) -> Shot:
    """A random shot of this product in this colour before this backdrop."""
    materials = MADE_OF[product]
    weights = np.array(MATERIAL_WEIGHTS[: len(materials)], float)
    view = rng.random()
    return Shot(
        product,
        colour,
        backdrop,
        materials[rng.choice(len(materials), p=weights / weights.sum())],
        "right" if rng.random() < RIGHT else "left",
        "hard" if rng.random() < HARD else "soft",
        "above" if view < ABOVE else "level" if view < ABOVE + LEVEL else "front",
        bool(rng.random() < WINDOW),
    )


def draw_untold(rng: np.random.Generator, product: str, colour: str, backdrop: str) -> Shot:
    """As draw_rest, but what captions that tell these three and no more are true of: a perfume may be of glass, light from the right is rare."""
    words = random.Random(int(rng.integers(1 << 32)))
    while True:
        shot = draw_rest(rng, product, colour, backdrop)
        if caption(shot, words).told == (True, True, True, False, False, False, False, False):
            return shot


def pick(rng: np.random.Generator, table: tuple[str, ...]) -> str:
    """One entry, all alike."""
    return table[rng.integers(len(table))]


def to_label(shot: Shot) -> list[int]:
    """The positions of a shot's values in TABLES."""
    return [table.index(value) for table, value in zip(TABLES, shot, strict=True)]


def to_shot(label: npt.NDArray[np.int8]) -> Shot:
    """The shot of a label."""
    return Shot(*(table[int(i)] for table, i in zip(TABLES, label, strict=True)))  # type: ignore[arg-type]
