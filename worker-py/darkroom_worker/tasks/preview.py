"""Latents become a small JPEG while a picture is still being denoised, for far less than a step costs."""

from __future__ import annotations

import functools
import io
import math
from typing import Any

import torch
from diffusers import AutoencoderTiny
from PIL import Image

from darkroom_worker.tasks.task import PREVIEW_PIXELS

PREVIEW_BYTES = 12_000  # at most
_QUALITIES = (80, 65, 50, 35, 20, 10)
_RIDGE = 1e-3  # beside latents of variance 1


class Previewer:
    """Shows where the picture of one model is heading.

    The way from latents to colours is the model's own tiny decoder where that is quick, on a GPU, and else one linear map,
    fitted once (https://discuss.huggingface.co/t/decoding-latents-to-rgb-without-upscaling/23204).
    """

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self._tiny = isinstance(pipeline.vae, AutoencoderTiny) and pipeline.vae.device.type == "cuda"
        self._map: torch.Tensor | None = None  # (channels + 1) x 3, the last row is the constant
        self._seen: tuple[Any, torch.Tensor, Any, torch.Tensor] | None = None

    @property
    def fitted(self) -> bool:
        """Whether it can show anything."""
        return self._tiny or self._map is not None

    @torch.no_grad()
    def fit(self, latents: torch.Tensor, pixels: torch.Tensor) -> None:
        """Learns the linear map from a picture of the warm-up, and from a colour chart that the autoencoder reads and draws again:
        a map that has seen nothing blue shows blue grey.

        latents: finished ones as the pipeline gives them. pixels: what they decode to, rows x 3 x height x width, 0 to 1.
        """
        pairs = [
            (self._spread(latents, *pixels.shape[-2:]), pixels.float()),
            self._redrawn(_chart().to(latents.device)),
        ]
        self._map = _least_squares([pair for pair in pairs if all(torch.isfinite(part).all() for part in pair)])

    def watch(self, scheduler: Any) -> None:
        """Follows the steps of a scheduler, which is this call's own: what is shown is the end that each step aims at."""
        step = scheduler.step
        self._seen = None

        @functools.wraps(step)  # pipelines look at its parameters
        def watched(model_output: torch.Tensor, timestep: Any, sample: torch.Tensor, *args: Any, **more: Any) -> Any:
            self._seen = (scheduler, model_output, timestep, sample)
            return step(model_output, timestep, sample, *args, **more)

        scheduler.step = watched

    def forget(self) -> None:
        """Lets go of the tensors of the last step."""
        self._seen = None

    @torch.no_grad()
    def draw(self, row: int, width: int, height: int) -> bytes:
        """A JPEG of one row of the batch, at most PREVIEW_PIXELS and PREVIEW_BYTES; empty where there is nothing to show.

        width, height: of the finished picture, in pixels.
        """
        if self._seen is None or not self.fitted:
            return b""
        scheduler, model_output, timestep, sample = self._seen
        latents = aim(scheduler, model_output[row : row + 1].float(), timestep, sample[row : row + 1].float())
        spread = self._spread(latents, height, width)
        colours = self._decode(spread) if self._map is None else _mapped(spread, self._map)
        array = (colours.nan_to_num().clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
        scale = min(1.0, PREVIEW_PIXELS / max(width, height))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        return encode(Image.fromarray(array).resize(size, Image.Resampling.BICUBIC))

    def _spread(self, latents: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """Rows x channels x height x width, whatever way the pipeline packs them (FLUX: 2 x 2 places in one token)."""
        if latents.ndim == 3:
            latents = self._pipeline._unpack_latents(latents, height, width, self._pipeline.vae_scale_factor)
        return latents.float()

    def _redrawn(self, chart: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Latents and pixels of a chart that went through the autoencoder."""
        vae = self._pipeline.vae
        known = vae.encode(chart.to(vae.dtype) * 2 - 1, return_dict=False)[0]
        # A tiny one gives latents, the others a distribution.
        raw = known if isinstance(known, torch.Tensor) else known.mode()
        pixels = vae.decode(raw, return_dict=False)[0].float() / 2 + 0.5
        return (raw.float() - (vae.config.get("shift_factor") or 0)) * vae.config.scaling_factor, pixels

    def _decode(self, spread: torch.Tensor) -> torch.Tensor:
        vae = self._pipeline.vae
        scaled = spread.to(vae.dtype) / vae.config.scaling_factor + (vae.config.get("shift_factor") or 0)
        pixels: torch.Tensor = vae.decode(scaled, return_dict=False)[0][0].float() / 2 + 0.5
        return pixels.permute(1, 2, 0)


def aim(scheduler: Any, model_output: torch.Tensor, timestep: Any, sample: torch.Tensor) -> torch.Tensor:
    """The noiseless latents that the model foresees at this step, x0: the sample without the noise it says is in it.

    Written for noise of strength s on latents of strength 1 (Karras et al. 2022, arXiv:2206.00364). Schedulers that keep the
    variance at 1 (DDIM, DPM++, ...) hold the same divided by sqrt(1 + s^2); those for flow matching mix, (1 - s) x0 + s noise.
    """
    time = float(timestep)
    config = scheduler.config
    if not hasattr(scheduler, "alphas_cumprod"):
        strength: float = time / config.num_train_timesteps
        return sample - strength * model_output
    places: torch.Tensor = scheduler.alphas_cumprod
    below = min(max(int(time), 0), len(places) - 1)
    kept = float(torch.lerp(places[below], places[min(below + 1, len(places) - 1)], time - below))
    signal, noise = math.sqrt(max(kept, 1e-8)), math.sqrt(max(1 - kept, 0))
    # Euler and its kin start at a noise far stronger than the picture: their sample is divided before the model sees it.
    unit = sample * signal if scheduler.init_noise_sigma > 1 else sample
    match config.prediction_type:
        case "v_prediction":
            return signal * unit - noise * model_output
        case "sample":
            return model_output
    return (unit - noise * model_output) / signal


def encode(picture: Image.Image) -> bytes:
    """A JPEG of at most PREVIEW_BYTES: the best quality that fits, a smaller picture where none does."""
    for quality in _QUALITIES:
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=quality)
        if out.tell() <= PREVIEW_BYTES:
            return out.getvalue()
    return encode(picture.reduce(2))


def _chart() -> torch.Tensor:
    """1 x 3 x 256 x 256, 0 to 1: patches of 64 colours, lit from one side; the same every time."""
    colours = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    patches = torch.nn.functional.interpolate(colours, (256, 256), mode="nearest")
    return patches * torch.linspace(0.5, 1.2, 256).clamp(max=1)


def _least_squares(pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor | None:
    """Ridge regression of the area-averaged colours on the latents: (channels + 1) x 3. Each pair weighs the same."""
    if not pairs:
        return None
    channels = pairs[0][0].shape[1]
    square = torch.eye(channels + 1, dtype=torch.float64) * _RIDGE
    square[-1, -1] = 0  # the constant is free
    aimed = torch.zeros(channels + 1, 3, dtype=torch.float64)
    for latents, pixels in pairs:
        known = _with_one(latents).double().cpu()
        colours = torch.nn.functional.interpolate(pixels, latents.shape[-2:], mode="area").clamp(0, 1)
        wanted = colours.permute(0, 2, 3, 1).flatten(0, 2).double().cpu()
        square += known.T @ known / len(known)
        aimed += known.T @ wanted / len(known)
    solved: torch.Tensor = torch.linalg.solve(square, aimed).float()
    return solved


def _mapped(latents: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
    """Height x width x 3 of the first row."""
    shown: torch.Tensor = (_with_one(latents[:1]) @ colours.to(latents.device)).reshape(*latents.shape[-2:], 3)
    return shown


def _with_one(spread: torch.Tensor) -> torch.Tensor:
    """Places x (channels + 1): a one beside each place's channels."""
    places = spread.permute(0, 2, 3, 1).flatten(0, 2)
    return torch.cat([places, places.new_ones(len(places), 1)], dim=1)
