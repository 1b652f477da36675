"""The simulated task: needs no model. Takes its time step by step like a real one, and draws a labelled card that says so."""

from __future__ import annotations

import io
import math
import textwrap

from PIL import Image, ImageDraw, ImageFont

from darkroom_worker.catalog import Model
from darkroom_worker.messages import Spec
from darkroom_worker.tasks.fault import StruckOutOfMemory
from darkroom_worker.tasks.task import PREVIEW_PIXELS, BadOutput, Order, OutOfMemory, Refused


class Simulated:
    """Deterministic cards; time per step from the catalogue, or from metadata `step_ms` in test mode."""

    def __init__(self, test_mode: bool) -> None:
        self._test_mode = test_mode
        self.warm: set[str] = set()

    def draw(self, order: Order) -> list[Image.Image]:
        if order.model.id not in self.warm:
            order.stage("loading_model")
            self.warm.add(order.model.id)
        for last in (False, True):
            try:
                return self._develop(order)
            except StruckOutOfMemory as error:
                if last:
                    raise OutOfMemory(
                        f"{order.job.spec.n} images do not fit into memory. Ask for fewer or smaller ones."
                    ) from error
        raise AssertionError

    def check(self, model: Model) -> None:
        _card(Spec(prompt="check", negative_prompt="", width=64, height=64, steps=1, guidance_scale=1,
                   scheduler="simulated", seed=0, n=1, format="png"), 0)  # fmt: skip

    def _develop(self, order: Order) -> list[Image.Image]:
        spec = order.job.spec
        order.stage("denoising")
        batches = math.ceil(spec.n / order.model.batch_cap)
        steps = spec.steps * batches
        cards = [_card(spec, index) for index in range(spec.n)]
        small = cards[0].copy()
        small.thumbnail((PREVIEW_PIXELS, PREVIEW_PIXELS))
        pause = self._step_seconds(order)
        for step in range(1, steps + 1):
            order.stop.wait(pause)
            order.step(step, steps, lambda step=step: _preview(small, step / steps))  # type: ignore[misc]
        order.stage("decoding")
        for last in (False, True):
            if not (spoiled := order.fault.spoils()):
                break
            if last:
                raise BadOutput(f"The picture came out {spoiled}. Try another seed or other steps.")
        return cards

    def _step_seconds(self, order: Order) -> float:
        asked = order.job.metadata.get("step_ms") if self._test_mode else None
        if asked is None:
            return order.model.step_ms / 1000
        if not asked.isdecimal() or len(asked) > 6:
            raise Refused(f"There is no step_ms={asked}. Give a whole number of milliseconds.")
        return int(asked) / 1000


def _card(spec: Spec, index: int) -> Image.Image:
    """The same request and seed give the same card, bit for bit."""
    seed = spec.seed + index
    hue = seed * 47 % 360
    size = (spec.width, spec.height)
    light, dark = (Image.new("RGB", size, f"hsl({hue}, 45%, {level}%)") for level in (78, 32))
    card = Image.composite(light, dark, Image.linear_gradient("L").resize(size))
    unit = max(8, min(size) // 12)
    pen = ImageDraw.Draw(card)
    pen.text((unit, unit), "SIMULATED", font=ImageFont.load_default(unit * 1.4), fill="white")
    small = ImageFont.load_default(unit * 0.7)
    letters = max(8, int((spec.width - 2 * unit) / (unit * 0.38)))
    lines = [*textwrap.wrap(spec.prompt[:400], letters)[:6], f"seed {seed}", f"{spec.width} x {spec.height}"]
    for row, line in enumerate(lines):
        pen.text((unit, unit * (3.2 + row)), line, font=small, fill="white")
    return card


def _preview(card: Image.Image, done: float) -> bytes:
    """The card as it develops out of grey."""
    out = io.BytesIO()
    Image.blend(Image.new("RGB", card.size, "#777777"), card, done).save(out, "JPEG", quality=70)
    return out.getvalue()
