"""Held-out combinations: a fixed tenth, spread over everything, and never drawn for training."""

import itertools

import numpy as np

from renderer.stock import BACKDROPS, COLOURS, PRODUCTS
from train.holdout import held_out, pair_held_out
from train.judge.prompts import HELD_OUT, SEEN, sheet
from train.shots import draw_shot, to_label, to_shot

EVERY = list(itertools.product(PRODUCTS, COLOURS, BACKDROPS))


def test_more_than_a_tenth_is_withheld() -> None:
    assert 0.10 < np.mean([held_out(*combination) for combination in EVERY]) < 0.13


def test_every_product_colour_and_backdrop_is_withheld_somewhere_and_seen_elsewhere() -> None:
    for field, table in enumerate((PRODUCTS, tuple(COLOURS), tuple(BACKDROPS))):
        for value in table:
            withheld = [held_out(*combination) for combination in EVERY if combination[field] == value]
            assert any(withheld)
            assert np.mean(withheld) < 0.25


def test_half_of_the_products_never_wear_one_of_the_colours() -> None:
    pairs = [(p, c) for p in PRODUCTS for c in COLOURS if pair_held_out(p, c)]
    assert len(pairs) == len(PRODUCTS) // 2
    assert all(held_out(p, c, b) for p, c in pairs for b in BACKDROPS)


def test_training_never_draws_what_is_withheld() -> None:
    rng = np.random.default_rng(0)
    assert not any(held_out(*draw_shot(rng)[:3]) for _ in range(3000))
    assert all(held_out(*draw_shot(rng, withheld=True)[:3]) for _ in range(100))


def test_labels_say_everything_about_a_shot() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        shot = draw_shot(rng, withheld=None)
        assert to_shot(np.array(to_label(shot), np.int8)) == shot


def test_the_sheet_is_balanced_and_apart() -> None:
    prompts = sheet()
    assert [p.held_out for p in prompts] == [False] * SEEN + [True] * HELD_OUT
    assert len({p.text for p in prompts}) == SEEN + HELD_OUT
    for field, table in ((1, PRODUCTS), (2, COLOURS), (3, BACKDROPS)):
        counts = [sum(p[field] == value for p in prompts) for value in table]
        assert min(counts) > 0.6 * len(prompts) / len(table)
