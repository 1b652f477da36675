"""Text to image with diffusers; each image has a generator of its own."""

from __future__ import annotations

import gc
import io
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import diffusers
import torch
import transformers
from diffusers import AutoencoderTiny
from PIL import Image

from darkroom_worker.catalog import Model
from darkroom_worker.messages import Spec
from darkroom_worker.tasks import device
from darkroom_worker.tasks.fault import StruckOutOfMemory
from darkroom_worker.tasks.task import (
    PREVIEW_PIXELS,
    BadOutput,
    DeviceLost,
    Order,
    OutOfMemory,
    Refused,
    Setup,
    Stopped,
    Task,
    Unfit,
    Unloadable,
)

SCHEDULERS = {
    "ddim": diffusers.DDIMScheduler,
    "dpmpp_2m": diffusers.DPMSolverMultistepScheduler,
    "euler": diffusers.EulerDiscreteScheduler,
    "unipc": diffusers.UniPCMultistepScheduler,
}
_BLACK = 2 / 255  # no brighter pixel anywhere: no picture


def create(model: Model, setup: Setup) -> Task:
    return TextToImage(model, setup)


class TextToImage:
    """Holds the pipeline; draws one order at a time."""

    def __init__(self, model: Model, setup: Setup) -> None:
        self._model = model
        self._device = setup.device
        self._pipeline: Any = None
        for library in (diffusers, transformers):
            library.utils.logging.set_verbosity_error()
            library.utils.logging.disable_progress_bar()

    @property
    def size(self) -> int:
        return device.taken(self._device)

    def load(self) -> None:
        """Safetensors from local files, nothing fetched, no code of the model's own."""
        model = self._model
        where = {"revision": model.revision} if model.repository else {}
        try:
            pipeline = getattr(diffusers, model.pipeline or "").from_pretrained(
                model.source or model.repository, dtype=self._dtype(), use_safetensors=True, local_files_only=True,
                **where,
            )  # fmt: skip
            pipeline.set_progress_bar_config(disable=True)
            self._pipeline = pipeline.to(self._device)
        except torch.OutOfMemoryError as error:
            raise Unloadable(f"it does not fit into memory ({error})", "out_of_memory") from error

    def check(self) -> None:
        self._pipeline.scheduler = self._scheduler(next(iter(self._model.schedulers)))
        result = self._pipeline(
            "check", num_inference_steps=1, generator=torch.Generator().manual_seed(0), output_type="latent"
        )
        if not torch.isfinite(result.images).all():
            raise Unfit("it draws what is not a number")

    def warm_up(self) -> dict[str, int]:
        return {}

    def rest(self) -> None:
        self._make_room()

    def draw(self, orders: Sequence[Order]) -> Iterator[tuple[Order, Image.Image]]:
        for order in orders:
            try:
                for picture in self._draw(order):
                    yield order, picture
            except Stopped:
                continue
            except RuntimeError as error:  # what torch throws for everything
                if self._lost():
                    raise DeviceLost(str(error).partition("\n")[0]) from error
                order.fail(error)
            except Exception as error:  # whatever it is, the next order is another one
                order.fail(error)

    def _draw(self, order: Order) -> list[Image.Image]:
        spec, batch = order.job.spec, self._model.batch_cap
        images: list[Image.Image] = []
        order.stage("denoising")
        done, spared = 0, False
        while len(images) < spec.n:
            indices = range(len(images), min(len(images) + batch, spec.n))
            try:
                steps = done + spec.steps * math.ceil((spec.n - len(images)) / batch)
                latents = self._denoise(order, indices, done, steps)
                done += spec.steps
                began = time.monotonic()
                order.stage("decoding")
                images += self._decode(latents, order)
                order.decode_ms += round((time.monotonic() - began) * 1000)
            except (torch.OutOfMemoryError, StruckOutOfMemory) as error:
                if spared:
                    raise OutOfMemory(
                        f"{spec.width} x {spec.height} pixels do not fit into memory. Ask for a smaller image."
                    ) from error
                spared, batch = True, max(1, batch // 2)
            else:
                continue
            # Not before the error is forgotten: its frames hold what the failed try had in memory.
            self._make_room()
        return images

    def _dtype(self) -> torch.dtype:
        return torch.float32 if self._device == "cpu" else getattr(torch, self._model.dtype)

    def _denoise(self, order: Order, indices: range, done: int, steps: int) -> torch.Tensor:
        spec, pipeline = order.job.spec, self._pipeline
        # A scheduler of this call's own: nothing of it stays behind, and the weights are not touched.
        pipeline.scheduler = self._scheduler(spec.scheduler)

        def after_step(_: Any, step: int, __: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            order.step(done + step + 1, steps, lambda: self._preview(tensors["latents"][:1], order))
            if not order.live:
                raise Stopped
            return tensors

        # A generator on the CPU gives the same noise whatever computes the rest.
        generators = [torch.Generator().manual_seed(spec.seed + index) for index in indices]
        result = pipeline(
            prompt=spec.prompt, negative_prompt=spec.negative_prompt, width=spec.width, height=spec.height,
            num_inference_steps=spec.steps, guidance_scale=spec.guidance_scale, num_images_per_prompt=len(indices),
            generator=generators, output_type="latent", callback_on_step_end=after_step,
            callback_on_step_end_tensor_inputs=["latents"],
        )  # fmt: skip
        latents: torch.Tensor = result.images
        return latents

    def _decode(self, latents: torch.Tensor, order: Order) -> list[Image.Image]:
        """Latents to pictures. What comes out broken is tried once more with the decoder in full precision."""
        trouble = ""
        for dtype in (self._dtype(), torch.float32):
            pixels = _spoil(_pixels(self._pipeline, latents, order.job.spec, dtype), order.fault.spoils())
            if not (trouble := _trouble(pixels)):
                array = (pixels.clamp(0, 1).permute(0, 2, 3, 1) * 255).round().to(torch.uint8).cpu().numpy()
                return [Image.fromarray(picture) for picture in array]
        raise BadOutput(f"The picture came out {trouble}. Try another seed, less guidance or other steps.")

    def _preview(self, latents: torch.Tensor, order: Order) -> bytes:
        """A small JPEG, only where the model's own decoder is tiny: a full one costs as much as a step."""
        if not isinstance(self._pipeline.vae, AutoencoderTiny):
            return b""
        pixels = _pixels(self._pipeline, latents, order.job.spec, self._dtype()).nan_to_num().clamp(0, 1)
        picture = Image.fromarray((pixels[0].permute(1, 2, 0) * 255).round().to(torch.uint8).cpu().numpy())
        picture.thumbnail((PREVIEW_PIXELS, PREVIEW_PIXELS))
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=75)
        return out.getvalue()

    def _lost(self) -> bool:
        """Whether the last error stays: after one such as a failed assertion on the device, every later call fails too."""
        if self._device != "cuda":
            return False
        try:
            torch.cuda.synchronize()
        except RuntimeError:
            return True
        return False

    def _scheduler(self, name: str) -> Any:
        if name not in self._model.schedulers or name not in SCHEDULERS:
            raise Refused(
                f"{self._model.id} cannot use the scheduler {name}. Choose from {', '.join(self._model.schedulers)}."
            )
        return SCHEDULERS[name].from_config(self._pipeline.scheduler.config, **self._model.schedulers[name])

    def _make_room(self) -> None:
        gc.collect()
        if self._device == "cuda":
            torch.cuda.empty_cache()


@torch.inference_mode()
def _pixels(pipeline: Any, latents: torch.Tensor, spec: Spec, dtype: torch.dtype) -> torch.Tensor:
    """Latents through the decoder: batch x 3 x height x width, 0 to 1 and a little beyond."""
    vae = pipeline.vae
    if hasattr(pipeline, "_unpack_latents"):
        latents = pipeline._unpack_latents(latents, spec.height, spec.width, pipeline.vae_scale_factor)
    before = vae.dtype
    try:
        vae.to(dtype)
        scaled = latents.to(dtype) / vae.config.scaling_factor + (vae.config.get("shift_factor") or 0)
        pixels: torch.Tensor = vae.decode(scaled, return_dict=False)[0].float() / 2 + 0.5
    finally:
        vae.to(before)
    return pixels


def _trouble(pixels: torch.Tensor) -> str:
    """Why this is no picture; empty when every one in the batch is."""
    if not torch.isfinite(pixels).all():
        return "not a number"
    if (pixels.amax(dim=(1, 2, 3)) <= _BLACK).any():
        return "black"
    return ""


def _spoil(pixels: torch.Tensor, how: str) -> torch.Tensor:
    match how:
        case "nan":
            return pixels * torch.nan
        case "black":
            return pixels * 0
    return pixels
