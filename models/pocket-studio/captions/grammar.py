"""Says a shot in one of many ways. `python -m captions.grammar 20` prints some."""

import random
import string
import sys
from typing import NamedTuple

from captions import vocabulary as words
from renderer.scene import Shot


class Caption(NamedTuple):
    """A sentence, and for each field of Shot whether the sentence tells it."""

    text: str
    told: tuple[bool, ...]


# How often a caption tells a value. What is unusual in this studio is told more often, so that untold means usual.
TELL_COLOUR, TELL_BACKDROP, TELL_MATERIAL = 0.94, 0.78, 0.35
TELL_LIGHT = {"left": 0.1, "right": 0.8}
TELL_SHADOW = {"soft": 0.2, "hard": 0.6}
TELL_VIEW = {"front": 0.05, "above": 0.95, "level": 0.8}
TELL_WINDOW = 0.95
SYNONYM = 0.4  # how often another word stands for a name
STRANGE_WORD = 0.1


def caption(shot: Shot, rng: random.Random, noun: str | None = None) -> Caption:
    """A random caption that is true of the shot. noun: says this word in the product's place, which is then not told."""
    colour = rng.random() < TELL_COLOUR
    backdrop = rng.random() < TELL_BACKDROP
    material = rng.random() < TELL_MATERIAL or (shot.material in ("metal", "glass") and rng.random() < 0.7)
    light = rng.random() < TELL_LIGHT[shot.light]
    shadow = rng.random() < TELL_SHADOW[shot.shadow]
    view = rng.random() < TELL_VIEW[shot.view]
    window = shot.window and rng.random() < TELL_WINDOW

    product = noun is None
    noun = noun or name(words.PRODUCTS[shot.product], rng)
    colour_word = name(words.COLOURS[shot.colour], rng)
    adjectives = [colour_word] if colour else []
    if material:
        adjectives.insert(rng.randrange(len(adjectives) + 1), name(words.MATERIALS[shot.material], rng))
    if rng.random() < 0.15:
        adjectives.insert(rng.randrange(len(adjectives) + 1), rng.choice(words.FILLERS))
    tails = [rng.choice(words.LIGHTS[shot.light])] if light else []
    tails += [name(words.SHADOWS[shot.shadow], rng)] if shadow else []
    tails += [rng.choice(words.WINDOW)] if window else []
    flat_lay = view and shot.view == "above" and rng.random() < 0.3
    if view and not flat_lay:
        tails.append(name(words.VIEWS[shot.view], rng))
    if rng.random() < 0.25:
        tails.append(rng.choice(words.TAILS))
    rng.shuffle(tails)

    text = arrange(
        noun,
        adjectives,
        colour_word if colour else "",
        place(shot, rng) if backdrop else "",
        tails,
        flat_lay,
        window,
        rng,
    )
    if rng.random() < STRANGE_WORD:
        text = disturb(text, rng)
    told = (product, colour, backdrop, material, light, shadow, view, window)
    return Caption(" ".join(text.split()), told)


def name(synonyms: tuple[str, ...], rng: random.Random) -> str:
    """The first, or one of the others."""
    return rng.choice(synonyms[1:]) if rng.random() < SYNONYM else synonyms[0]


def place(shot: Shot, rng: random.Random) -> str:
    """The backdrop as a phrase."""
    word = name(words.BACKDROPS[shot.backdrop], rng)
    forms = ("on a {} background",) * 4 + (
        "on {} background", "against a {} backdrop", "with a {} background", ", {} background", "in front of a {} backdrop", "in a {} studio",
        "on {}", "on a {} surface", "on a {} table", "against a {} wall", ", on a {} background",
    )  # fmt: skip
    return rng.choice(forms).format(word)


def arrange(
    noun: str,
    adjectives: list[str],
    colour: str,
    backdrop: str,
    tails: list[str],
    flat_lay: bool,
    window: bool,
    rng: random.Random,
) -> str:
    """Puts the parts into one of the usual orders."""
    described = f"{' '.join(adjectives)} {noun}"
    article = rng.choice(("a", "a", "a", "a", "", "the", "one"))
    if article == "a" and described.strip()[0] in "aeiou" and rng.random() < 0.8:
        article = "an"
    head = "a flat lay photo of" if flat_lay else "a lifestyle photo of" if window and rng.random() < 0.4 else ""
    if not head and rng.random() < 0.5:
        head = rng.choice(words.HEADS)
    if flat_lay and rng.random() < 0.5:
        tails = ["from above", *tails]
    order = 1.0 if flat_lay else rng.random()
    others = [adjective for adjective in adjectives if adjective != colour]
    if order < 0.06 and backdrop:
        start = f"{backdrop.removeprefix(', ')}, {described}"
    elif order < 0.12 and colour:
        start = f"{head} {article} {' '.join(others)} {noun} in {colour} {backdrop}"
    elif order < 0.16 and colour:
        start = (
            f"{noun}, {', '.join(adjectives)}, {backdrop.removeprefix(', ')}"
            if backdrop
            else f"{noun}, {', '.join(adjectives)}"
        )
    else:
        start = f"{head} {article} {described} {backdrop}"
    separator = ", " if rng.random() < 0.9 else " "
    return separator.join([start.strip(), *tails]).replace(" ,", ",")


def disturb(text: str, rng: random.Random) -> str:
    """Adds a word that means nothing here: a filler, or letters nobody taught."""
    parts = text.split()
    for _ in range(rng.randint(1, 2)):
        parts.insert(rng.choice((0, len(parts))), rng.choice((strange(rng), rng.choice(words.FILLERS))))
    return " ".join(parts)


def strange(rng: random.Random) -> str:
    """Letters that nobody taught."""
    return "".join(rng.choices(string.ascii_lowercase, k=rng.randint(3, 8)))


def main() -> None:
    """Prints captions of random shots."""
    import numpy as np  # noqa: PLC0415 not needed to say a shot

    from train.shots import draw_shot  # noqa: PLC0415

    rng, numbers = random.Random(0), np.random.default_rng(0)
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 10):
        print(caption(draw_shot(numbers), rng).text)


if __name__ == "__main__":
    main()
