"""What the text encoder is told is right, and what it is never told is wrong."""

import random

import torch

from captions.grammar import caption
from renderer.scene import Shot
from renderer.stock import COLOURS, PRODUCTS
from train.holdout import pair_held_out
from train.shots import to_label
from train.text import COLOUR, EDGES, PRODUCT, loss_of

WITHHELD = next((p, c) for p in PRODUCTS for c in COLOURS if pair_held_out(p, c))


def loss_with_belief(shot: Shot, field: int, value: str) -> float:
    """Of a reader that is sure of this value for this field, rightly or not, and undecided about all else."""
    logits = torch.zeros(1, int(EDGES[-1]))
    table = PRODUCTS if field == PRODUCT else tuple(COLOURS)
    logits[0, int(EDGES[field]) + table.index(value)] = 20.0
    told = torch.tensor([[True] * (len(EDGES) - 1)])
    return float(loss_of(logits, torch.tensor([to_label(shot)]), told))


def test_what_is_never_shown_is_no_wrong_answer_but_anything_else_is() -> None:
    product, colour = WITHHELD
    other = next(c for c in COLOURS if not pair_held_out(product, c))
    third = next(c for c in COLOURS if c not in (colour, other) and not pair_held_out(product, c))
    shot = Shot(product, other, "white")
    assert loss_with_belief(shot, COLOUR, third) > loss_with_belief(shot, COLOUR, colour) + 10
    fellow = next(p for p in PRODUCTS if p != product and not pair_held_out(p, colour))
    stranger = next(p for p in PRODUCTS if p not in (product, fellow) and not pair_held_out(p, colour))
    shot = Shot(fellow, colour, "white")
    assert loss_with_belief(shot, PRODUCT, stranger) > loss_with_belief(shot, PRODUCT, product) + 10


def test_a_word_in_the_products_place_is_said_and_the_product_is_not_told() -> None:
    rng = random.Random(4)
    for _ in range(200):
        said = caption(Shot("mug", "red", "grey"), rng, "qwzx")
        assert "qwzx" in said.text
        assert not {"mug", "cup", "tumbler"} & set(said.text.replace(",", " ").split())
        assert not said.told[PRODUCT]
