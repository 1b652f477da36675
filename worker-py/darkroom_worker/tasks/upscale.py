"""Upscale: a finished picture is drawn again, larger. All but what it begins with, and how its pipeline is called, is as text to image."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Sequence
from typing import Any

from PIL import Image

from darkroom_worker.catalog import Model
from darkroom_worker.messages import Spec
from darkroom_worker.tasks.task import Refused, Setup, Task, Unloadable
from darkroom_worker.tasks.text_to_image import Row, TextToImage

_FORMATS = ("PNG", "WEBP", "JPEG")  # what a job can have made


def create(model: Model, setup: Setup) -> Task:
    return Upscale(model, setup)


class Upscale(TextToImage):
    """Holds one upscaler. A row's picture is a function of its spec, its seed and what it begins with, bit for bit when drawn alone."""

    @property
    def scale(self) -> int:
        """How many times as wide and high the picture comes out."""
        return self.model.scale or 1  # the catalogue's loader wants one

    def load(self) -> None:
        super().load()
        # It denoises at the size of what it begins with, and its decoder does the enlarging.
        own = self._pipeline.vae_scale_factor
        if self.scale != own:
            raise Unloadable(
                f"{self.model.id} makes pictures {own} times as large, and the catalogue has scale: {self.scale}."
            )
        if self.model.sizes.multiple_of % own**2:
            raise Unloadable(
                f"{self.model.id}: sizes.multiple_of must be a multiple of {own**2}, {self.model.sizes.multiple_of} is none."
            )

    def _source(self, spec: Spec, file: bytes | None = None) -> Image.Image:
        size = spec.width // self.scale, spec.height // self.scale
        return _fixed(size) if file is None else _opened(file, size)

    def _own_way(self, rows: Sequence[Row], after_step: Callable[[int], None]) -> dict[str, Any]:
        # It is called once a step, whatever a sampler does in one; the number that it brings depends on the sampler.
        done = itertools.count(1)
        return {"image": [row.source for row in rows], "callback": lambda *_: after_step(next(done))}


def _opened(file: bytes, size: tuple[int, int]) -> Image.Image:
    """The picture in a file, which must have this size (width, height in pixels): it is looked at before anything is decoded. Raises Refused."""
    try:
        picture = Image.open(io.BytesIO(file), formats=_FORMATS)
        if picture.size != size:
            was, expected = (f"{width} x {height}" for width, height in (picture.size, size))
            raise Refused(f"The picture to start from has {was} pixels, and {expected} were expected. Choose another.")
        return picture.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Refused("The picture to start from cannot be read. Choose another.") from error


def _fixed(size: tuple[int, int]) -> Image.Image:
    """What is enlarged where nobody has given a picture: by the check and the warm-up. The same each time."""
    ramp = Image.linear_gradient("L")
    return Image.merge("RGB", (ramp, ramp.rotate(90), ramp.rotate(180))).resize(size)
