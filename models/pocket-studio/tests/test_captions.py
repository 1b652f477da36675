"""The grammar: captions say what is true, and only words of the vocabulary (or letters nobody taught)."""

import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from captions import vocabulary
from captions.grammar import STRANGE_WORD, Caption, caption
from renderer.scene import Shot
from renderer.stock import BACKDROPS, COLOURS, MATERIALS, PRODUCTS
from train.shots import TABLES, draw_shot

ROOT = Path(__file__).resolve().parents[3]
TOLD_BY: tuple[Mapping[Any, tuple[str, ...]], ...] = (
    vocabulary.PRODUCTS, vocabulary.COLOURS, vocabulary.BACKDROPS, vocabulary.MATERIALS,
    vocabulary.LIGHTS, vocabulary.SHADOWS, vocabulary.VIEWS,
)  # fmt: skip


def captions(count: int) -> Iterator[tuple[Shot, Caption]]:
    rng, numbers = random.Random(1), np.random.default_rng(1)
    for _ in range(count):
        shot = draw_shot(numbers)
        yield shot, caption(shot, rng)


def test_what_a_caption_is_said_to_tell_stands_in_it() -> None:
    for shot, said in captions(3000):
        for value, told, synonyms in zip(shot, said.told, TOLD_BY, strict=False):
            if told:
                assert any(re.search(rf"\b{phrase}\b", said.text) for phrase in synonyms[value]), said.text


def test_products_are_always_told_and_everything_else_is_left_out_now_and_then() -> None:
    told = np.array([said.told for _, said in captions(2000)])
    assert told[:, 0].all()
    assert not told[:, 1:].all(0).any()
    assert told.any(0).all()


def test_captions_are_one_tidy_line() -> None:
    for _, said in captions(2000):
        assert said.text == " ".join(said.text.split())
        assert ",," not in said.text
        assert " ," not in said.text
        assert not said.text.endswith(",")
        assert len(said.text.split()) < 40


def test_words_are_of_the_vocabulary_but_for_strange_ones() -> None:
    known = set(vocabulary.words())
    strange = [bool(set(said.text.replace(",", " ").split()) - known) for _, said in captions(3000)]
    assert 0 < np.mean(strange) < STRANGE_WORD


def test_the_vocabulary_names_all_that_the_renderer_has() -> None:
    assert tuple(vocabulary.PRODUCTS) == PRODUCTS == TABLES[0]
    assert tuple(vocabulary.COLOURS) == tuple(COLOURS)
    assert tuple(vocabulary.BACKDROPS) == tuple(BACKDROPS)
    assert tuple(vocabulary.MATERIALS) == MATERIALS


def test_the_catalogue_lists_the_words_that_are_known() -> None:
    entry = (ROOT / "deploy" / "models.yaml").read_text().split("vocabulary:")[1]
    listed = set(re.findall(r"[\w]+", entry[entry.index("[") : entry.index("]")]))
    assert listed <= set(vocabulary.known())
    assert set(vocabulary.known()) - listed == {
        "a", "above", "against", "an", "at", "from", "front", "in", "of", "on", "the", "through", "with",
    }  # fmt: skip
    assert {
        phrase for table in TOLD_BY[:2] for phrases in table.values() for phrase in phrases if " " not in phrase
    } <= listed


@pytest.mark.parametrize("table", [vocabulary.PRODUCTS, vocabulary.COLOURS, vocabulary.MATERIALS])
def test_no_word_means_two_things(table: dict[str, tuple[str, ...]]) -> None:
    phrases = [phrase for synonyms in table.values() for phrase in synonyms]
    assert len(phrases) == len(set(phrases))


def test_presets_mean_shots_that_the_grammar_says() -> None:
    for words in ("professional contrast lighting", "natural window light", "in everyday use"):
        assert words in (*vocabulary.SHADOWS["hard"], *vocabulary.WINDOW)
    rng = random.Random(2)
    from_above = [caption(Shot("mug", "red", "white", view="above"), rng).text for _ in range(300)]
    assert any(text.startswith("a flat lay photo of") for text in from_above)
