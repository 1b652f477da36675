"""The simulated task: needs no model. Takes its time step by step like a real one, and draws a labelled card that says so."""

from __future__ import annotations

import io
import textwrap
import time
from collections.abc import Iterator, Sequence
from functools import partial

from PIL import Image, ImageDraw, ImageFont

from darkroom_worker.catalog import Model
from darkroom_worker.messages import Spec
from darkroom_worker.tasks import device, fault
from darkroom_worker.tasks.fault import StruckError, StruckOutOfMemory
from darkroom_worker.tasks.task import PREVIEW_PIXELS, BadOutput, Order, OutOfMemory, Refused, Setup, Task

_ANY_SIZE = "16384x16384"


def create(model: Model, setup: Setup) -> Task:
    return Simulated(model, setup)


class Simulated:
    """Deterministic cards; time per step from the catalogue, or from metadata `step_ms` in test mode. A batch takes as long as one row."""

    def __init__(self, model: Model, setup: Setup) -> None:
        self._model = model
        self._setup = setup

    @property
    def size(self) -> int:
        """What the catalogue says, as if that were so; otherwise what this process really takes."""
        return self._model.memory_mb << 20 or device.taken("cpu")

    def load(self) -> None:
        self._strike("load")

    def check(self) -> None:
        self._strike("check")
        _card(Spec(prompt="check", negative_prompt="", width=64, height=64, steps=1, guidance_scale=1,
                   scheduler="simulated", seed=0, n=1, format="png"), 0)  # fmt: skip

    def warm_up(self) -> dict[str, int]:
        self._strike("warm_up")
        return {_ANY_SIZE: self._model.batch_cap}

    def rest(self) -> None:
        pass

    def draw(self, orders: Sequence[Order]) -> Iterator[tuple[Order, Image.Image]]:
        cap, spared = self._model.batch_cap, False
        done = dict.fromkeys(orders, 0)
        rows = [(order, index) for order in orders for index in range(order.job.spec.n)]
        while rows := [row for row in rows if row[0].live]:
            batch = rows[:cap]
            try:
                self._denoise(batch, {order: _steps(order, rows, cap, done[order]) for order, _ in batch}, done)
            except StruckOutOfMemory as error:
                if spared:
                    for order in dict(batch):
                        n = order.job.spec.n
                        trouble = OutOfMemory(f"{n} images do not fit into memory. Ask for fewer or smaller ones.")
                        trouble.__cause__ = error
                        order.fail(trouble)
                spared, cap = True, max(1, cap // 2)
                continue
            for order, index in batch:
                order.batch = max(order.batch, len(batch))
                if self._is_sound(order):
                    yield order, _card(order.job.spec, index)
            rows = rows[cap:]

    def _denoise(self, batch: list[tuple[Order, int]], steps: dict[Order, int], done: dict[Order, int]) -> None:
        """Takes its time. An order that ends on the way is left out, the others go on."""
        pauses = {order: pause for order in steps if (pause := self._step_seconds(order)) is not None}
        first = dict(reversed(batch))  # of each order, the image that its preview shows
        for order in steps:
            order.stage("denoising")
        count = batch[0][0].job.spec.steps
        for step in range(1, count + 1):
            live = [order for order in pauses if order.live]
            if not live:
                return
            _wait(live, max(pauses[order] for order in live))
            for order in live:
                at, of = done[order] + step, steps[order]
                try:
                    order.step(at, of, partial(_preview, order.job.spec, first[order], at / of))
                except StruckError as error:
                    order.fail(error)
        for order in steps:
            done[order] += count
            order.stage("decoding")

    def _is_sound(self, order: Order) -> bool:
        """One spoiled picture is drawn again, a second one ends the order."""
        if order.live and order.fault.spoils() and (spoiled := order.fault.spoils()):
            order.fail(BadOutput(f"The picture came out {spoiled}. Try another seed or other steps."))
        return order.live

    def _step_seconds(self, order: Order) -> float | None:
        asked = order.job.metadata.get("step_ms") if self._setup.test_mode else None
        if asked is None:
            return self._model.step_ms / 1000
        if not asked.isdecimal() or len(asked) > 6:
            order.fail(Refused(f"There is no step_ms={asked}. Give a whole number of milliseconds."))
            return None
        return int(asked) / 1000

    def _strike(self, stage: str) -> None:
        if self._setup.test_mode:
            fault.strike_model(self._setup.cache_dir, self._model.id, stage)


def _steps(order: Order, rows: list[tuple[Order, int]], cap: int, done: int) -> int:
    """How many steps the order takes in all: one round for each batch that has rows of it."""
    batches = {place // cap for place, (owner, _) in enumerate(rows) if owner is order}
    return done + order.job.spec.steps * len(batches)


def _wait(live: Sequence[Order], seconds: float) -> None:
    """The time of a step; an order that is alone is left at once."""
    if len(live) == 1:
        live[0].stop.wait(seconds)
    else:
        time.sleep(seconds)


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


def _preview(spec: Spec, index: int, done: float) -> bytes:
    """The card as it develops out of grey."""
    card = _card(spec, index)
    card.thumbnail((PREVIEW_PIXELS, PREVIEW_PIXELS))
    out = io.BytesIO()
    Image.blend(Image.new("RGB", card.size, "#777777"), card, done).save(out, "JPEG", quality=70)
    return out.getvalue()
