"""Orders and models for tests that draw inside this process."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from PIL import Image as Pictures
from PIL.Image import Image

from darkroom_worker import catalog
from darkroom_worker.catalog import Defaults, Model, Sizes
from darkroom_worker.messages import Job
from darkroom_worker.repertoire import Repertoire
from darkroom_worker.tasks.fault import Fault
from darkroom_worker.tasks.task import Order, Setup, Task

ROOT = Path(__file__).resolve().parents[2]
REPERTOIRE = Repertoire.read(ROOT / "contract")
SIDE = 64  # pixels of what the tiny models draw

CLASSES = {
    "sd": "StableDiffusionPipeline",
    "sdxl": "StableDiffusionXLPipeline",
    "sd3": "StableDiffusion3Pipeline",
    "flux": "FluxPipeline",
    "flux_schnell": "FluxPipeline",
    "upscale": "StableDiffusionUpscalePipeline",
}


def pocket_studio() -> Model:
    return catalog.load(ROOT / "deploy" / "models.yaml", ["pocket-studio"], test_mode=True)["pocket-studio"]


def tiny_model(name: str, source: Path | str | None, **changes: Any) -> Model:
    """An entry for a folder of tests/tiny.py, with every sampler of its family."""
    traits = REPERTOIRE.pipelines[CLASSES[name]]
    samplers = {sampler.id: sampler for sampler in REPERTOIRE.samplers if sampler.family == traits.family}
    usual = Defaults(width=SIDE, height=SIDE, steps=3, guidance_scale=3, scheduler=next(iter(samplers)))
    larger = {"scale": 4, "sizes": Sizes(min=16, multiple_of=16)} if traits.task == "upscale" else {}
    update = {
        "id": name, "task": traits.task, "source": source and str(source), "pipeline": CLASSES[name], "traits": traits, "golden": None,
        "schedulers": {known: {} for known in samplers}, "samplers": samplers, "defaults": usual, "batch_cap": 4, **larger, **changes,
    }  # fmt: skip
    return pocket_studio().model_copy(update=update)


def setup(tmp_path: Path | None = None) -> Setup:
    return Setup("cpu", tmp_path or ROOT / ".darkroom" / "cache", test_mode=True)


class Said(list[dict[str, Any]]):
    """What the task told on its way."""

    def __call__(self, head: dict[str, Any], blob: bytes) -> None:
        self.append({**head, "blob": blob})

    def steps(self) -> list[tuple[int, int]]:
        return [(word["step"], word["steps"]) for word in self if word["say"] == "step"]

    def words(self) -> list[str]:
        return [word["say"] for word in self]


def order(model: Model, said: Said | None = None, fault: str | None = None, **spec: Any) -> Order:
    """What the usual request for this model comes to, with these changes of its spec; an upscaler is given a picture of two colours."""
    usual = model.defaults
    decided = {
        "prompt": "a red mug on a white background", "negative_prompt": "", "width": usual.width, "height": usual.height,
        "steps": 4, "guidance_scale": 3, "scheduler": usual.scheduler, "seed": 7, "n": 1, "format": "png", **spec,
    }  # fmt: skip
    fields = {
        "version": 1, "id": "06h00e010015g001081g81860s40i7ko2sfi5e9r26", "owner": "ab" * 16, "model": model.id,
        "task": model.task, "spec": decided, "input": {}, "warnings": [], "metadata": {}, "seed_drawn": False,
        "created_at": 1795300000000, "deadline": 1795300600000, "max_attempts": 3,
    }  # fmt: skip
    wanted = Fault.asked({"fault": fault} if fault else {}, 1)
    job = Job.model_validate(fields)
    image = picture_file(job.spec.width // model.scale, job.spec.height // model.scale) if model.scale else b""
    return Order(job, wanted, said if said is not None else Said(), image=image)


def picture_file(width: int, height: int, left: str = "red", right: str = "navy", kind: str = "PNG") -> bytes:
    """A picture of two colours, side by side."""
    picture = Pictures.new("RGB", (width, height), left)
    picture.paste(right, (width // 2, 0, width, height))
    out = io.BytesIO()
    picture.save(out, kind)
    return out.getvalue()


class Failed(Exception):
    """An order that ended by itself, with what was told of it."""


def draw(task: Task, wanted: Order) -> list[Image]:
    """The pictures of one order alone. Raises Failed."""
    told: list[dict[str, Any]] = []
    say = wanted.say

    def listen(head: dict[str, Any], blob: bytes) -> None:
        told.append(head)
        say(head, blob)

    wanted.say = listen
    drawn = [picture for _, picture in task.draw([wanted])]
    if wanted.ended:
        raise Failed(told[-1]["say"], told[-1].get("code"), told[-1].get("message"))
    return drawn


def draw_together(task: Task, *orders: Order) -> list[list[Image]]:
    """The pictures of each of the orders, drawn as one batch."""
    drawn: dict[Order, list[Image]] = {wanted: [] for wanted in orders}
    for wanted, picture in task.draw(orders):
        drawn[wanted].append(picture)
    return list(drawn.values())
