"""The last step: latents become a picture, and what is none is noticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from PIL import Image

from darkroom_worker.messages import Spec
from darkroom_worker.tasks.task import BadOutput

_BLACK = 2 / 255  # no brighter pixel anywhere: no picture


class Decoder:
    """The autoencoder of one pipeline."""

    def __init__(self, pipeline: Any, offload: str) -> None:
        self._pipeline = pipeline
        self._offload = offload  # the catalogue's speed.offload

    @property
    def dtype(self) -> torch.dtype:
        dtype: torch.dtype = self._pipeline.vae.dtype
        return dtype

    def picture(self, spec: Spec, latents: torch.Tensor, spoils: Callable[[], str] = str) -> Image.Image:
        """Of one row's latents; what comes out broken is tried once more in full precision. Raises BadOutput.

        spoils: what shall go wrong this time, in tests; see _spoil.
        """
        trouble = ""
        for dtype in (self.dtype, torch.float32):
            pixels = _spoil(self.pixels(spec, latents, dtype), spoils())
            if not (trouble := _trouble(pixels)):
                array = (pixels[0].clamp(0, 1).permute(1, 2, 0) * 255).round().to(torch.uint8).cpu().numpy()
                return Image.fromarray(array)
            if self._offload == "sequential":
                break  # its weights are elsewhere, and come in their own precision
        raise BadOutput(f"The picture came out {trouble}. Try another seed, less guidance or other steps.")

    @torch.no_grad()
    def pixels(self, spec: Spec, latents: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """Of one row's latents, decoded in this dtype: 1 x 3 x height x width, 0 to 1 and a little beyond."""
        vae = self._pipeline.vae
        if latents.ndim == 3:  # FLUX: 2 x 2 places in one token
            latents = self._pipeline._unpack_latents(latents, spec.height, spec.width, self._pipeline.vae_scale_factor)
        before = vae.dtype
        try:
            if dtype != before:
                vae.to(dtype)
            scaled = latents.to(dtype) / vae.config.scaling_factor + (vae.config.get("shift_factor") or 0)
            pixels: torch.Tensor = vae.decode(scaled, return_dict=False)[0].float() / 2 + 0.5
        finally:
            if dtype != before:
                vae.to(before)
        return pixels


def _trouble(pixels: torch.Tensor) -> str:
    """Why this is no picture; empty when it is one."""
    if not torch.isfinite(pixels).all():
        return "not a number"
    if pixels.max() <= _BLACK:
        return "black"
    return ""


def _spoil(pixels: torch.Tensor, how: str) -> torch.Tensor:
    match how:
        case "nan":
            return pixels * torch.nan
        case "black":
            return pixels * 0
    return pixels
