"""The fixed sheet of prompts that a model is judged by. `python -m train.judge.prompts` prints it."""

from collections.abc import Sequence
from typing import NamedTuple

from renderer.stock import BACKDROPS, COLOURS, PRODUCTS
from train.holdout import held_out

SEEN, HELD_OUT = 240, 80
# As people write backdrops; the table's own names "sky" and "rose" are not words for a colour.
BACKDROP_WORDS = {"sky": "light blue", "rose": "light pink"}


class Prompt(NamedTuple):
    """One line of the sheet. Its seed is its position."""

    text: str
    product: str
    colour: str
    backdrop: str
    held_out: bool


def sheet(
    products: Sequence[str] = PRODUCTS,
    colours: Sequence[str] = tuple(COLOURS),
    backdrops: Sequence[str] = tuple(BACKDROPS),
) -> list[Prompt]:
    """320 prompts: a walk in large steps over all combinations, so that all come up alike; held-out ones last.

    With less to combine, a prompt comes again with another seed.
    """
    every = [(p, c, b) for p in products for c in colours for b in backdrops]
    stride = next(
        n for n in range(len(every) * 5 // 13, len(every)) if all(n % d or len(every) % d for d in range(2, n + 1))
    )
    walk = [every[i * stride % len(every)] for i in range(len(every))]
    seen = [combination for combination in walk if not held_out(*combination)]
    unseen = [combination for combination in walk if held_out(*combination)]
    chosen = [part[i % len(part)] for part, count in ((seen, SEEN), (unseen, HELD_OUT)) if part for i in range(count)]
    return [
        Prompt(f"a {c} {p} on a {BACKDROP_WORDS.get(b, b)} background", p, c, b, held_out(p, c, b))
        for p, c, b in chosen
    ]


if __name__ == "__main__":
    for prompt in sheet():
        print("held out" if prompt.held_out else "seen    ", prompt.text)
