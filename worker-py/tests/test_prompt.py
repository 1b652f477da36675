"""Prompts as the network reads them: exactly as the stock pipeline, further where it can, and honest about what nobody reads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the engine's: these cores are shared
pytest.importorskip("diffusers", reason="the engine's packages are not installed", exc_type=ImportError)

import diffusers
import torch

from darkroom_worker.tasks.prompt import Prompts, together
from tests import tiny

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("default")]

ROOT = Path(__file__).resolve().parents[2]
WORD = "abcd "  # four tokens of the tiny tokenizers, which read letters: 75 fit beside begin and end


@pytest.fixture(scope="module")
def pipelines() -> dict[str, Any]:
    return {name: diffusers.DiffusionPipeline.from_pretrained(tiny.folder(name)) for name in tiny.PIPELINES}


def stock(pipeline: Any, prompt: str, negative: str | None) -> list[torch.Tensor]:
    more = {"prompt_2": None, "prompt_3": None} if "3" in type(pipeline).__name__ else {}
    with torch.no_grad():
        return list(
            pipeline.encode_prompt(
                prompt=prompt, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=True,
                negative_prompt=negative, **more,
            )
        )  # fmt: skip


@pytest.mark.parametrize("long_prompts", [True, False])
@pytest.mark.parametrize("name", ["sd", "sdxl", "upscale"])
@pytest.mark.parametrize(
    ("prompt", "negative"), [("a red mug", ""), (WORD * 18 + "abc", "blue, glossy"), ("", WORD * 18)]
)
def test_what_fits_into_one_window_is_bit_for_bit_what_the_stock_pipeline_reads(
    pipelines: dict[str, Any], name: str, long_prompts: bool, prompt: str, negative: str
) -> None:
    pipeline = pipelines[name]
    ours = Prompts(pipeline, long_prompts).read(prompt, negative, guided=True)
    theirs = stock(pipeline, prompt, negative or None)
    assert len(ours) == len(theirs)
    for mine, yours in zip(ours.values(), theirs, strict=True):
        assert torch.equal(mine, yours)
    assert Prompts(pipeline, long_prompts).unread(prompt, negative) == []


@pytest.mark.parametrize("name", ["sd", "sdxl"])
def test_a_long_prompt_is_read_in_windows_and_its_end_counts(pipelines: dict[str, Any], name: str) -> None:
    pipeline, prompts = pipelines[name], Prompts(pipelines[name], long_prompts=True)
    text = prompts.read(WORD * 18 + "red, " + WORD * 18 + "blue", "ugly", guided=True)
    first = stock(pipeline, WORD * 18 + "red,", "ugly")
    second = stock(pipeline, WORD * 18, "ugly")
    assert text["prompt_embeds"].shape[1] == 2 * 77 or text["prompt_embeds"].shape[1] == 4 * 77
    assert torch.equal(text["prompt_embeds"][:, :77], first[0])
    assert torch.equal(text["negative_prompt_embeds"][:, :77], first[1])
    assert torch.equal(text["negative_prompt_embeds"][:, 77:154], first[1])
    assert not torch.equal(text["prompt_embeds"][:, 77:154], second[0])
    if "pooled_prompt_embeds" in text:
        assert torch.equal(text["pooled_prompt_embeds"], first[2])


def test_a_comma_near_the_end_of_a_window_is_where_it_is_cut(pipelines: dict[str, Any]) -> None:
    prompts = Prompts(pipelines["sd"], long_prompts=True)
    assert prompts._windows(WORD * 16 + "red, " + WORD * 5) == [WORD * 16 + "red,", (WORD * 5).rstrip()]
    assert prompts._windows("red, " + WORD * 20) == ["red, " + WORD * 17, (WORD * 3).rstrip()]


def test_rows_of_a_batch_are_made_equally_long_and_draw_what_they_draw_alone(pipelines: dict[str, Any]) -> None:
    pipeline, prompts = pipelines["sd"], Prompts(pipelines["sd"], long_prompts=True)
    pipeline.set_progress_bar_config(disable=True)
    rows = [prompts.read(text, "ugly", guided=True) for text in ("a mug", WORD * 40, WORD * 70)]
    assert [row["prompt_embeds"].shape[1] // 77 for row in rows] == [1, 4, 4]

    def draw(text: dict[str, torch.Tensor], seeds: list[int]) -> torch.Tensor:
        latents: torch.Tensor = pipeline(
            **text, num_inference_steps=3, guidance_scale=5, width=64, height=64, output_type="latent",
            generator=[torch.Generator().manual_seed(seed) for seed in seeds],
        ).images  # fmt: skip
        return latents

    batch = draw(together(rows), [1, 2, 3])
    for place, row in enumerate(rows):
        torch.testing.assert_close(batch[place : place + 1], draw(row, [place + 1]), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "long_prompts", "read", "unread"),
    [
        ("sd", False, 18, ["Not read: “abcd abcd abcd abcd abcd abcd …”"]),
        ("sdxl", False, 18, ["Not read: “abcd abcd abcd abcd abcd abcd …”"]),
        ("sd", True, 18, []),
        ("sd", True, 8 * 18, ["Not read: “abcd abcd abcd abcd abcd abcd …”"]),
        (
            "sd3",
            False,
            51,
            ["Not read: “abcd abcd abcd abcd abcd abcd …”"],
        ),  # T5: 256, one for the end, 5 a word with its space
        ("flux", False, 102, ["Not read: “abcd abcd abcd abcd abcd abcd …”"]),
        ("flux_schnell", False, 51, ["Not read: “abcd abcd abcd abcd abcd abcd …”"]),
    ],
)
def test_the_words_cut_are_named_from_the_first(
    pipelines: dict[str, Any], name: str, long_prompts: bool, read: int, unread: list[str]
) -> None:
    prompts = Prompts(pipelines[name], long_prompts)
    assert prompts.unread(WORD * read, "") == []
    assert prompts.unread(WORD * (read + 9), "") == unread


def test_few_words_are_named_all_and_those_of_the_negative_prompt_as_such(pipelines: dict[str, Any]) -> None:
    prompts = Prompts(pipelines["sd"], long_prompts=False)
    assert prompts.unread(WORD * 18 + "a mug", WORD * 18 + "ugly") == [
        "Not read: “mug”",
        "Not read of the negative prompt: “ugly”",
    ]


def test_the_default_model_tells_what_it_cuts() -> None:
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(
        ROOT / "models" / "pocket-studio", use_safetensors=True
    )
    words = "a photo of a glossy red mug on a white background, soft light from the left, " * 4
    (sentence,) = Prompts(pipeline, long_prompts=False).unread(words, "")
    cut = sentence.removeprefix("Not read: “").rstrip("” …")
    ids = pipeline.tokenizer(words, truncation=True)["input_ids"][1:-1]
    read = pipeline.tokenizer.decode(ids).split()
    assert words.replace(",", " ,").split()[: len(read)] == read
    assert " ".join(words.replace(",", " ,").split()[len(read) :]).replace(" ,", ",").startswith(cut)
