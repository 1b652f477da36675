"""Text to image with diffusers: models are loaded once and kept; each image has a generator of its own."""

from __future__ import annotations

import gc
import io
import math
import time
from collections.abc import Iterable
from typing import Any

import diffusers
import torch
import transformers
from diffusers import AutoencoderTiny
from PIL import Image

from darkroom_worker.catalog import Model
from darkroom_worker.messages import Spec
from darkroom_worker.tasks.fault import StruckOutOfMemory
from darkroom_worker.tasks.task import PREVIEW_PIXELS, BadOutput, DeviceLost, Order, OutOfMemory, Refused

SCHEDULERS = {
    "ddim": diffusers.DDIMScheduler,
    "dpmpp_2m": diffusers.DPMSolverMultistepScheduler,
    "euler": diffusers.EulerDiscreteScheduler,
    "unipc": diffusers.UniPCMultistepScheduler,
}
_BLACK = 2 / 255  # no brighter pixel anywhere: no picture


def choose_device(asked: str) -> str:
    """cpu or cuda. Raises RuntimeError when a GPU is asked for and none is there."""
    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if asked == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("WORKER_DEVICE=cuda, and torch sees no GPU")
    return asked


class TextToImage:
    """Holds the pipelines; draws one order at a time."""

    def __init__(self, device: str, models: Iterable[Model]) -> None:
        self._device = device
        # Looked up now, because diffusers imports a pipeline's code, seconds of it, at first sight.
        self._classes = {model.id: getattr(diffusers, model.pipeline or "") for model in models}
        self._pipelines: dict[str, Any] = {}
        for library in (diffusers, transformers):
            library.utils.logging.set_verbosity_error()
            library.utils.logging.disable_progress_bar()

    @property
    def warm(self) -> set[str]:
        return set(self._pipelines)

    def draw(self, order: Order) -> list[Image.Image]:
        try:
            return self._draw(order)
        except RuntimeError as error:  # what torch throws for everything
            if self._lost():
                raise DeviceLost(str(error).partition("\n")[0]) from error
            raise

    def _draw(self, order: Order) -> list[Image.Image]:
        spec, batch = order.job.spec, order.model.batch_cap
        pipeline = self._load(order)
        images: list[Image.Image] = []
        order.stage("denoising")
        done, spared = 0, False
        while len(images) < spec.n:
            indices = range(len(images), min(len(images) + batch, spec.n))
            try:
                steps = done + spec.steps * math.ceil((spec.n - len(images)) / batch)
                latents = self._denoise(pipeline, order, indices, done, steps)
                done += spec.steps
                began = time.monotonic()
                order.stage("decoding")
                images += self._decode(pipeline, latents, order)
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

    def check(self, model: Model) -> None:
        name = next(iter(model.schedulers))
        pipeline = self._pipeline(model)
        pipeline.scheduler = _scheduler(pipeline, name, model)
        pipeline("check", num_inference_steps=1, generator=torch.Generator().manual_seed(0), output_type="latent")

    def _load(self, order: Order) -> Any:
        order.stage("loading_model")
        if order.model.id in self._pipelines:
            return self._pipelines[order.model.id]
        began = time.monotonic()
        try:
            pipeline = self._pipeline(order.model)
        except torch.OutOfMemoryError as error:
            raise OutOfMemory(
                f"{order.model.id} does not fit into memory beside what is loaded. Try again later."
            ) from error
        order.load_ms = round((time.monotonic() - began) * 1000)
        return pipeline

    def _pipeline(self, model: Model) -> Any:
        """The model's pipeline, loaded at first use: safetensors from local files, nothing fetched, no code of its own."""
        if model.id not in self._pipelines:
            where = {"revision": model.revision} if model.repository else {}
            pipeline = self._classes[model.id].from_pretrained(
                model.source or model.repository, dtype=self._dtype(model), use_safetensors=True,
                local_files_only=True, **where,
            )  # fmt: skip
            pipeline.set_progress_bar_config(disable=True)
            self._pipelines[model.id] = pipeline.to(self._device)
        return self._pipelines[model.id]

    def _dtype(self, model: Model) -> torch.dtype:
        return torch.float32 if self._device == "cpu" else getattr(torch, model.dtype)

    def _denoise(self, pipeline: Any, order: Order, indices: range, done: int, steps: int) -> torch.Tensor:
        spec = order.job.spec
        # A scheduler of this call's own: nothing of it stays behind, and the weights are not touched.
        pipeline.scheduler = _scheduler(pipeline, spec.scheduler, order.model)

        def after_step(_: Any, step: int, __: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            order.step(done + step + 1, steps, lambda: self._preview(pipeline, tensors["latents"][:1], order))
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

    def _decode(self, pipeline: Any, latents: torch.Tensor, order: Order) -> list[Image.Image]:
        """Latents to pictures. What comes out broken is tried once more with the decoder in full precision."""
        trouble = ""
        for dtype in (self._dtype(order.model), torch.float32):
            pixels = _spoil(_pixels(pipeline, latents, order.job.spec, dtype), order.fault.spoils())
            if not (trouble := _trouble(pixels)):
                array = (pixels.clamp(0, 1).permute(0, 2, 3, 1) * 255).round().to(torch.uint8).cpu().numpy()
                return [Image.fromarray(picture) for picture in array]
        raise BadOutput(f"The picture came out {trouble}. Try another seed, less guidance or other steps.")

    def _preview(self, pipeline: Any, latents: torch.Tensor, order: Order) -> bytes:
        """A small JPEG, only where the model's own decoder is tiny: a full one costs as much as a step."""
        if not isinstance(pipeline.vae, AutoencoderTiny):
            return b""
        pixels = _pixels(pipeline, latents, order.job.spec, self._dtype(order.model)).nan_to_num().clamp(0, 1)
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

    def _make_room(self) -> None:
        gc.collect()
        if self._device == "cuda":
            torch.cuda.empty_cache()


def _scheduler(pipeline: Any, name: str, model: Model) -> Any:
    if name not in model.schedulers or name not in SCHEDULERS:
        raise Refused(f"{model.id} cannot use the scheduler {name}. Choose from {', '.join(model.schedulers)}.")
    return SCHEDULERS[name].from_config(pipeline.scheduler.config, **model.schedulers[name])


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
