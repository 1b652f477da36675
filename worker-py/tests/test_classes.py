"""Every pipeline class with every sampler that fits it, on tiny folders with random weights.

A picture drawn alone is the same each time, bit for bit. As a row of a batch it may differ by 2 of 255 in a channel, in float32: kernels
add in another order for another number of rows. A prompt, a guidance or noise that leaked from one row into another would show as far more.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the engine's: these cores are shared
pytest.importorskip("diffusers", reason="the engine's packages are not installed", exc_type=ImportError)

import numpy as np
from PIL.Image import Image

from darkroom_worker.repertoire import Pipeline
from darkroom_worker.tasks.task import Order
from darkroom_worker.tasks.text_to_image import TextToImage
from tests import tiny
from tests.orders import CLASSES, REPERTOIRE, Failed, Said, draw, draw_together, order, setup, tiny_model

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("default", "ignore:Should have")]

NAMES = ["sd", "sdxl", "sd3", "flux", "flux_schnell", "upscale"]
FITTING = [
    (name, sampler.id)
    for name in NAMES
    for sampler in REPERTOIRE.samplers
    if sampler.family == REPERTOIRE.pipelines[CLASSES[name]].family
]
TOLERANCE = 2
_loaded: dict[str, TextToImage] = {}


def traits(name: str) -> Pipeline:
    return REPERTOIRE.pipelines[CLASSES[name]]


def loaded(name: str) -> TextToImage:
    """The task of a tiny folder; loaded once for all tests, as in an engine."""
    if name not in _loaded:
        model = tiny_model(name, tiny.folder(name))
        _loaded[name] = importlib.import_module(f"darkroom_worker.tasks.{model.task}").create(model, setup())
        _loaded[name].load()
    return _loaded[name]


@pytest.mark.parametrize("guidance", [1, 4], ids=["unguided", "guided"])
@pytest.mark.parametrize(("name", "sampler"), FITTING)
def test_a_seed_reproduces_its_picture_alone_and_beside_others(name: str, sampler: str, guidance: float) -> None:
    task = loaded(name)
    wanted: dict[str, Any] = {"scheduler": sampler, "guidance_scale": guidance, "steps": 2}
    one_by_one = draw(task, order(task.model, n=3, batch=1, **wanted))
    (alone,) = draw(task, order(task.model, seed=8, **wanted))
    together = order(task.model, n=3, **wanted)
    rows = draw(task, together)
    assert alone.tobytes() == one_by_one[1].tobytes()
    assert together.batch == 3
    for row, solo in zip(rows, one_by_one, strict=True):
        assert distance(row, solo) <= TOLERANCE
    assert distance(one_by_one[0], one_by_one[1]) > 50


@pytest.mark.parametrize("name", NAMES)
def test_rows_have_a_prompt_a_negative_prompt_a_guidance_and_a_seed_of_their_own(name: str) -> None:
    task = loaded(name)
    by_row = traits(name).rows
    wanted: list[dict[str, Any]] = [
        {"prompt": "a red mug", "guidance_scale": 2.5, "seed": 1},
        {"prompt": "two blue lamps, on a table", "guidance_scale": 9 if by_row else 2.5, "seed": 2, "negative_prompt": "dark"},
        {"prompt": "x", "guidance_scale": 4.2 if by_row else 2.5, "seed": 3},
    ]  # fmt: skip
    orders = [order(task.model, **spec) for spec in wanted]
    together = draw_together(task, *orders)
    assert [row.batch for row in orders] == [3, 3, 3]
    for (row,), spec in zip(together, wanted, strict=True):
        assert distance(row, draw(task, order(task.model, **spec))[0]) <= TOLERANCE


@pytest.mark.parametrize("name", NAMES)
def test_each_part_of_a_request_has_its_effect(name: str) -> None:
    task = loaded(name)
    (usual,) = draw(task, order(task.model))
    changes: list[dict[str, Any]] = [
        {"prompt": "blue lamps"},
        {"negative_prompt": "dark"},
        {"guidance_scale": 8},
        {"steps": 2},
    ]
    effects = {key: distance(draw(task, order(task.model, **change))[0], usual) for change in changes for key in change}
    assert effects["prompt"] > TOLERANCE
    assert effects["steps"] > TOLERANCE
    assert (effects["negative_prompt"] > 0) == traits(name).negative_prompt
    assert (effects["guidance_scale"] > TOLERANCE) == (name != "flux_schnell")  # distilled: it reads no guidance


@pytest.mark.parametrize("name", NAMES)
def test_two_guidances_of_one_class_that_takes_one_are_two_batches(name: str) -> None:
    task = loaded(name)
    orders = [order(task.model, guidance_scale=scale) for scale in (2, 5)]
    draw_together(task, *orders)
    assert [wanted.batch for wanted in orders] == ([2, 2] if traits(name).rows else [1, 1])


@pytest.mark.parametrize("name", NAMES)
def test_one_row_is_cancelled_and_the_others_are_as_if_it_had_gone_on(name: str) -> None:
    task = loaded(name)
    undisturbed = draw_together(task, *(order(task.model, seed=seed, steps=4) for seed in (1, 2, 3)))
    said = Said()
    orders = [order(task.model, said if seed == 2 else None, seed=seed, steps=4) for seed in (1, 2, 3)]
    orders[1].say = stopper(orders[1], said, at=2)
    first, stopped, last = draw_together(task, *orders)
    assert stopped == []
    assert said.words()[-1] == "stopped"
    assert max(step for step, _ in said.steps()) == 2
    assert [first[0].tobytes(), last[0].tobytes()] == [undisturbed[0][0].tobytes(), undisturbed[2][0].tobytes()]


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_that_nobody_waits_for_is_left_at_the_next_step(name: str) -> None:
    task = loaded(name)
    saids = [Said(), Said()]
    orders = [order(task.model, said, steps=9) for said in saids]
    for wanted, said in zip(orders, saids, strict=True):
        wanted.say = stopper(wanted, said, at=3)
    assert draw_together(task, *orders) == [[], []]
    assert [max(step for step, _ in said.steps()) for said in saids] == [3, 3]


@pytest.mark.parametrize("name", NAMES)
def test_out_of_memory_halves_the_batch_once_and_then_says_what_to_change(name: str) -> None:
    task = loaded(name)
    orders = [order(task.model, n=2, fault="oom_once@2"), order(task.model, n=2, seed=20)]
    drawn = draw_together(task, *orders)
    assert [len(pictures) for pictures in drawn] == [2, 2]
    assert [wanted.batch for wanted in orders] == [2, 2]
    assert distance(drawn[1][0], draw(task, order(task.model, seed=20))[0]) <= TOLERANCE
    with pytest.raises(Failed, match=r"out_of_memory.*do not fit into memory\. Ask for"):
        draw(task, order(task.model, fault="oom@2"))
    assert len(draw(task, order(task.model))) == 1


@pytest.mark.parametrize("sampler", ["euler", "heun", "dpm2_a", "dpmpp_sde", "pndm", "lms"])
def test_progress_goes_by_whole_steps_whatever_a_sampler_does_in_one(sampler: str) -> None:
    task, said = loaded("sd"), Said()
    draw(task, order(task.model, said, scheduler=sampler, n=5, steps=3))
    assert said.steps() == [(step, 6) for step in range(1, 7)]  # 4 rows, then 1


def test_one_order_that_fails_leaves_the_others_of_its_batch() -> None:
    task, said = loaded("sd"), Said()
    orders = [
        order(task.model, said, fault="error@2"),
        order(task.model, said, fault="nan", seed=8),
        order(task.model, seed=9),
    ]
    drawn = draw_together(task, *orders)
    assert [len(pictures) for pictures in drawn] == [0, 0, 1]
    assert sorted(word["code"] for word in said if word["say"] == "error") == ["bad_output", "engine_error"]
    assert distance(drawn[2][0], draw(task, order(task.model, seed=9))[0]) <= TOLERANCE


@pytest.mark.parametrize("name", NAMES)
def test_another_scheduler_loads_nothing_and_leaves_the_pipelines_own_alone(name: str) -> None:
    task = loaded(name)
    own, config = task._pipeline.scheduler, dict(task._pipeline.scheduler.config)
    parts = {part: id(module) for part, module in task._pipeline.components.items()}
    for sampler in task.model.samplers:
        draw(task, order(task.model, scheduler=sampler, steps=2))
    assert task._pipeline.scheduler is own
    assert dict(own.config) == config
    assert {part: id(module) for part, module in task._pipeline.components.items()} == parts


def stopper(wanted: Order, said: Said, at: int) -> Callable[[dict[str, Any], bytes], None]:
    """Listens for an order, and leaves it when it hears of a step."""

    def say(head: dict[str, Any], blob: bytes) -> None:
        said(head, blob)
        if head.get("step") == at:
            wanted.stop.set()

    return say


def distance(one: Image, other: Image) -> int:
    """The greatest difference in any channel of any pixel."""
    return int(np.abs(np.asarray(one).astype(int) - np.asarray(other)).max())
