"""Text to image with diffusers: one model, and orders drawn together as the rows of one batch, each with its own prompt, guidance and seed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from PIL import Image

from darkroom_worker.catalog import Model
from darkroom_worker.messages import Spec
from darkroom_worker.repertoire import Sampler
from darkroom_worker.tasks import device, golden, pipeline
from darkroom_worker.tasks.decoder import Decoder
from darkroom_worker.tasks.fault import StruckError, StruckOutOfMemory
from darkroom_worker.tasks.preview import Previewer
from darkroom_worker.tasks.profile import Profile
from darkroom_worker.tasks.prompt import Prompts, Text, together
from darkroom_worker.tasks.sampler import Schedulers
from darkroom_worker.tasks.task import (
    BadOutput,
    DeviceLost,
    Order,
    OutOfMemory,
    Refused,
    Setup,
    Stopped,
    Task,
)


@dataclass(eq=False)
class Row:
    """One picture of a batch."""

    spec: Spec
    seed: int
    text: Text  # encoded for this row alone: what stands beside it changes nothing of it
    source: Image.Image | None = None  # that it begins with, where the task wants one


class _Guidance(float):
    """The guidance scale of each row, where the library expects one number: `scale * difference` is all that it computes with it."""

    rows: torch.Tensor

    def __new__(cls, scales: Sequence[float]) -> _Guidance:
        number = super().__new__(cls, max(scales))
        number.rows = torch.tensor(scales, dtype=torch.float32)
        return number

    def __mul__(self, difference: Any) -> Any:
        rows = self.rows.to(difference.device).view(-1, *[1] * (difference.ndim - 1))
        # In float32 and then rounded, as a number times a tensor is.
        return (rows * difference).to(difference.dtype)


_Piece = tuple[Order, Row]


def create(model: Model, setup: Setup) -> Task:
    return TextToImage(model, setup)


class TextToImage:
    """Holds one model's pipeline and draws with it.

    On one machine and version of the libraries a row's picture is, bit for bit, a function of its spec and seed when it is drawn
    alone. In a batch its noise is the same and its arithmetic is not: kernels add in another order for another number of rows.
    """

    def __init__(self, model: Model, setup: Setup) -> None:
        self.model = model
        self._setup = setup
        self._traits: Any = model.traits  # found by the catalogue's loader
        self._device = setup.device
        self._pipeline: Any = None
        self._schedulers: Any = None
        self._prompts: Any = None
        self._previewer: Any = None
        self._decoder: Decoder  # once it is loaded
        self._caps: dict[str, int] = {}  # rows that pay together, by size

    @property
    def size(self) -> int:
        return device.taken(self._device)

    def load(self) -> None:
        self._device = pipeline.place(self.model, self._setup)
        self._pipeline = pipeline.load(self.model, self._setup)
        self._schedulers = Schedulers(self._pipeline.scheduler)
        self._prompts = Prompts(self._pipeline, self.model.long_prompts)
        self._previewer = Previewer(self._pipeline)
        self._decoder = Decoder(self._pipeline, self.model.speed.offload)

    @property
    def here(self) -> tuple[str, str]:
        """Device and dtype."""
        return self._device, str(pipeline.dtype(self.model, self._device)).removeprefix("torch.")

    def check(self) -> None:
        golden.check(self.model, self.draw_alone, self.usual(steps=min(4, self.model.defaults.steps)), self.here)

    def warm_up(self) -> dict[str, int]:
        sizes = self.model.speed.warm_up or [[self.model.defaults.width, self.model.defaults.height]]
        for width, height in sizes:
            self.draw_alone(self.usual(width=width, height=height, steps=2))
        self._caps = Profile(
            self._setup.cache_dir, self.model.batch_cap, on_cpu=self._device == "cpu",
            key={
                "model": self.model.id, "source": self.model.source, "revision": self.model.revision, "speed": self.model.speed.model_dump(),
                "device": torch.cuda.get_device_name() if self._device == "cuda" else f"cpu {torch.get_num_threads()}",
                "dtype": pipeline.denoiser(self._pipeline).dtype,
            },
        ).caps([(width, height) for width, height in sizes], self._seconds_per_step)  # fmt: skip
        if self.model.speed.compile:  # a full batch is compiled anew: now, and not while somebody waits for it
            for width, height in sizes:
                self._seconds_per_step(width, height, self._caps[f"{width}x{height}"])
        self._previewer.forget()
        self._settle()
        return self._caps

    def rest(self) -> None:
        pipeline.rest(self._device)

    def usual(self, **changes: Any) -> Spec:
        """What a request that says nothing asks for, changed."""
        defaults = self.model.defaults
        return Spec(**{
            "prompt": "a red ball", "negative_prompt": "", "width": defaults.width, "height": defaults.height, "steps": defaults.steps,
            "guidance_scale": defaults.guidance_scale, "scheduler": defaults.scheduler or next(iter(self.model.schedulers)),
            "seed": 0, "n": 1, "format": "png", **changes,
        })  # fmt: skip

    def draw_alone(self, spec: Spec) -> Image.Image:
        """The first picture of a spec, for no order. Raises Refused, BadOutput, and whatever the device does."""
        row = Row(spec, spec.seed, self._read(spec), self._source(spec))
        latents = self._denoise([row], lambda _step: None)
        picture = self._decoder.picture(spec, latents)
        if self._setup.previews and not self._previewer.fitted:
            self._previewer.fit(latents, self._decoder.pixels(spec, latents, self._decoder.dtype))
        self._settle()
        return picture

    def draw(self, orders: Sequence[Order]) -> Iterator[tuple[Order, Image.Image]]:
        try:
            yield from self._draw(orders)
        except RuntimeError as error:  # what torch throws for everything
            if self._lost():
                raise DeviceLost(str(error).partition("\n")[0]) from error
            raise
        finally:
            self._previewer.forget()
            self._settle()

    def _draw(self, orders: Sequence[Order]) -> Iterator[tuple[Order, Image.Image]]:
        rows = [piece for order in orders for piece in self._rows(order)]
        cap, spared, done = self._cap(orders), False, dict.fromkeys(orders, 0)
        while rows := [(order, row) for order, row in rows if order.live]:
            batch = self._together(rows)[:cap]
            try:
                latents = self._denoise_orders(batch, rows, cap, done)
                for place, (order, row) in enumerate(batch):
                    if picture := self._finish(order, row, latents[place : place + 1]):
                        order.batch = max(order.batch, len(batch))
                        yield order, picture
                    rows.remove((order, row))
            except Stopped:
                pass
            except (torch.OutOfMemoryError, StruckOutOfMemory) as error:
                if spared:
                    _give_up(batch, error)
                spared, cap = True, max(1, cap // 2)
            else:
                continue
            # Not before the error is forgotten: its frames hold what the failed try had in memory.
            pipeline.rest(self._device)

    def _rows(self, order: Order) -> list[_Piece]:
        spec = order.job.spec
        order.warnings += self._prompts.unread(spec.prompt, spec.negative_prompt if self._is_guided(spec) else "")
        text, source = self._read(spec), self._source(spec, order.image)
        return [(order, Row(spec, spec.seed + index, text, source)) for index in range(spec.n)]

    def _source(self, spec: Spec, file: bytes | None = None) -> Image.Image | None:
        """The picture that those of this spec begin with; file: the one that its job was given, None where it is nobody's job."""
        return None

    def _read(self, spec: Spec) -> Text:
        text: Text = self._prompts.read(spec.prompt, spec.negative_prompt, self._is_guided(spec))
        return text

    def _is_guided(self, spec: Spec) -> bool:
        """Whether there is a second, unprompted pass, which a negative prompt is for."""
        return self._traits.guidance == "classifier_free" and spec.guidance_scale > 1

    def _together(self, rows: list[_Piece]) -> list[_Piece]:
        """Those that can run as one batch with the first."""

        def kind(row: Row) -> object:
            scale = row.spec.guidance_scale
            return scale > 1 if self._has_guidance_by_row else scale

        return [(order, row) for order, row in rows if kind(row) == kind(rows[0][1])]

    @property
    def _has_guidance_by_row(self) -> bool:
        # A UNet that is told the scale (LCM) takes one for all.
        return self._traits.rows and pipeline.denoiser(self._pipeline).config.get("time_cond_proj_dim") is None

    def _cap(self, orders: Sequence[Order]) -> int:
        """Rows in one batch, at most."""
        spec = orders[0].job.spec
        if any(order.job.spec.batch == 1 for order in orders):
            return 1
        return min(self.model.batch_cap, self._caps.get(f"{spec.width}x{spec.height}", self.model.batch_cap))

    def _denoise_orders(
        self, batch: list[_Piece], rows: list[_Piece], cap: int, done: dict[Order, int]
    ) -> torch.Tensor:
        """Latents of the batch; progress and previews go to its orders. Raises Stopped when none of them is live any more."""
        first = {order: place for place, (order, _) in reversed(list(enumerate(batch)))}
        spec = batch[0][1].spec
        all_steps = {order: _steps(order, rows, cap, done[order]) for order in first}
        for order in first:
            order.stage("denoising")

        def after_step(step: int) -> None:
            live = [order for order in first if order.live]
            if not live:
                raise Stopped
            for order in live if step > reached[-1] else ():
                preview = partial(self._previewer.draw, first[order], spec.width, spec.height)
                try:
                    order.step(done[order] + step, all_steps[order], preview)
                except StruckError as error:
                    order.fail(error)
            reached.append(step)

        reached = [0]
        latents = self._denoise([row for _, row in batch], after_step)
        for order in first:
            done[order] += spec.steps
            order.stage("decoding")
        return latents

    def _denoise(self, rows: Sequence[Row], after_step: Callable[[int], None]) -> torch.Tensor:
        """Latents of rows of one size, number of steps and scheduler. after_step: told how many are done."""
        spec, own = rows[0].spec, self._pipeline.scheduler
        scheduler = self._schedulers.new(self._sampler(spec.scheduler), [row.seed for row in rows])
        if self._setup.previews:
            self._previewer.watch(scheduler)
        self._pipeline.scheduler = scheduler
        try:
            result = self._pipeline(
                num_inference_steps=spec.steps, guidance_scale=_guidance(rows), output_type="latent",
                # A generator on the CPU gives the same noise whatever computes the rest.
                generator=[torch.Generator().manual_seed(row.seed) for row in rows],
                **together([row.text for row in rows]), **self._own_way(rows, after_step),
            )  # fmt: skip
        finally:
            self._pipeline.scheduler = own
        latents: torch.Tensor = result.images
        return latents

    def _own_way(self, rows: Sequence[Row], after_step: Callable[[int], None]) -> dict[str, Any]:
        """What the pipelines of this task take beside what all take."""
        spec = rows[0].spec

        def told(_: Any, index: int, __: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            # A sampler of second order calls the network twice a step.
            after_step((index + 1) * spec.steps // self._pipeline.num_timesteps)
            return tensors

        return {
            "width": spec.width, "height": spec.height,
            "callback_on_step_end": told, "callback_on_step_end_tensor_inputs": ["latents"],
        }  # fmt: skip

    def _sampler(self, name: str) -> Sampler:
        if name not in self.model.samplers:
            raise Refused(
                f"{self.model.id} cannot use the scheduler {name}. Choose from {', '.join(self.model.samplers)}."
            )
        return self.model.samplers[name]

    def _finish(self, order: Order, row: Row, latents: torch.Tensor) -> Image.Image | None:
        """The order's next picture; None where nobody waits for it, or it came out broken and the order has failed."""
        if not order.live:
            return None
        began = time.monotonic()
        try:
            return self._decoder.picture(row.spec, latents, order.fault.spoils)
        except BadOutput as error:
            order.fail(error)
            return None
        finally:
            order.decode_ms += round((time.monotonic() - began) * 1000)

    def _seconds_per_step(self, width: int, height: int, rows: int) -> float:
        """Of a batch. The first step is not counted: it chooses kernels, and compiles where that is asked for."""
        spec = self.usual(width=width, height=height, steps=4)
        text, source, ended = self._read(spec), self._source(spec), []

        def after_step(_step: int) -> None:
            if self._device == "cuda":
                torch.cuda.synchronize()
            ended.append(time.monotonic())

        try:
            self._denoise([Row(spec, seed, text, source) for seed in range(rows)], after_step)
        except torch.OutOfMemoryError as error:
            raise OutOfMemory(f"{rows} rows do not fit") from error
        return (ended[-1] - ended[0]) / (len(ended) - 1)

    def _settle(self) -> None:
        """With speed.offload: model, the weights that drawing has left on the GPU go back."""
        self._pipeline.maybe_free_model_hooks()

    def _lost(self) -> bool:
        """Whether the last error stays: after one such as a failed assertion on the device, every later call fails too."""
        if self._device != "cuda":
            return False
        try:
            torch.cuda.synchronize()
        except RuntimeError:
            return True
        return False


def _guidance(rows: Sequence[Row]) -> float:
    scales = [row.spec.guidance_scale for row in rows]
    return scales[0] if len(set(scales)) == 1 else _Guidance(scales)


def _steps(order: Order, rows: list[_Piece], cap: int, done: int) -> int:
    """How many steps the order takes in all: those done, and one round for each batch that will have rows of it."""
    batches = {place // cap for place, (owner, _) in enumerate(rows) if owner is order}
    return done + order.job.spec.steps * len(batches)


def _give_up(batch: list[_Piece], error: Exception) -> None:
    spec = batch[0][1].spec
    what = (
        f"{spec.width} x {spec.height} pixels do"
        if len(batch) == 1
        else f"{len(batch)} pictures of {spec.width} x {spec.height} pixels do"
    )
    for order, _ in batch:
        trouble = OutOfMemory(f"{what} not fit into memory. Ask for a smaller image, or fewer.")
        trouble.__cause__ = error
        order.fail(trouble)
