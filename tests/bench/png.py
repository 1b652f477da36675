"""What it costs to make a picture a file: the worker's PNG, with its settings in it, against Pillow's default."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

from darkroom_worker.messages import Job
from darkroom_worker.tasks.picture import encode
from PIL import Image

from bench.subject import ROOT
from browser.samples import GUTTER

SIDE = 256  # pixels of a picture of Pocket Studio


class Encoders:
    """Ours and Pillow's, with a sheet of 512 x 512 to encode. Raises SystemExit if ours is not lossless."""

    def __init__(self) -> None:
        self._picture, self._job = sheet(), _job()
        if Image.open(io.BytesIO(self._ours())).tobytes() != self._picture.tobytes():
            raise SystemExit("the worker's PNG is not lossless")

    def time(self) -> float:
        """CPU time of ours / the default's, once each way round."""
        first, second, third, fourth = map(_seconds, (self._ours, self._plain, self._plain, self._ours))
        return (first + fourth) / (second + third)

    def length(self) -> float:
        """Length of ours / the default's."""
        return len(self._ours()) / len(self._plain())

    def _ours(self) -> bytes:
        return encode(self._picture, self._job, 0, 1)

    def _plain(self) -> bytes:
        out = io.BytesIO()
        self._picture.save(out, "PNG")
        return out.getvalue()


def sheet() -> Image.Image:
    """Four drawn pictures: the golden picture of Pocket Studio, and three of the page's samples."""
    samples = Image.open(ROOT / "web/static/samples.webp").convert("RGB")
    gutter = round(SIDE * GUTTER)
    lefts = [gutter + (SIDE + 2 * gutter) * place for place in (1, 4, 6)]
    tiles = [Image.open(ROOT / "models/pocket-studio/golden.png").convert("RGB")]
    tiles += [samples.crop((left, 0, left + SIDE, SIDE)) for left in lefts]
    whole = Image.new("RGB", (2 * SIDE, 2 * SIDE))
    for place, tile in enumerate(tiles):
        whole.paste(tile, (place % 2 * SIDE, place // 2 * SIDE))
    return whole


def _seconds(arm: Callable[[], bytes]) -> float:
    began = time.process_time()
    for _ in range(5):
        arm()
    return time.process_time() - began


def _job() -> Job:
    spec = {
        "prompt": "a red mug", "negative_prompt": "", "width": 512, "height": 512, "steps": 20, "guidance_scale": 3,
        "scheduler": "ddim", "seed": 1, "n": 1, "format": "png",
    }  # fmt: skip
    return Job.model_validate({
        "version": 1, "id": "06h00e010015g001081g81860s40i7ko2sfi5e9r26", "owner": "ab" * 16, "model": "pocket-studio",
        "task": "text_to_image", "spec": spec, "input": {}, "warnings": [], "metadata": {}, "seed_drawn": False,
        "created_at": 1795300000000, "deadline": 1795300600000, "max_attempts": 3,
    })  # fmt: skip
