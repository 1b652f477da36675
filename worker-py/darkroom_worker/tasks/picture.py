"""A picture becomes a file: encoded, with every setting written into it."""

from __future__ import annotations

import io
import json
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from darkroom_worker.messages import Job

_Z_RLE = 3  # zlib's strategy for runs, https://www.zlib.net/manual.html
_USER_COMMENT = 0x9286  # EXIF
_EXIF_IFD = 0x8769
_COMMENT_BYTES = 60_000  # of the 65 533 that a JPEG has for all of its EXIF

CONTENT_TYPES = {"png": "image/png", "webp": "image/webp", "jpeg": "image/jpeg"}
EXTENSIONS = {"png": "png", "webp": "webp", "jpeg": "jpg"}


def encode(picture: Image.Image, job: Job, index: int, batch: int) -> bytes:
    """The file's bytes, in the format that the job asks for. PNG and WebP are lossless. batch: pictures that were denoised together."""
    out = io.BytesIO()
    parameters, settings = describe(job, index, batch)
    if job.spec.format == "png":
        text = PngInfo()
        text.add_text("parameters", parameters)
        text.add_text("darkroom", settings)
        # The default takes four times as long and finds hardly more: what the row filters leave repeats in runs, if at all.
        picture.save(out, "PNG", compress_level=1, compress_type=_Z_RLE, pnginfo=text)
        return out.getvalue()
    exif = Image.Exif()
    exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = b"UNICODE\0" + _fitting(parameters).encode("utf-16-be")
    if job.spec.format == "webp":
        picture.save(out, "WEBP", lossless=True, method=0, exif=exif)
    else:
        picture.save(out, "JPEG", quality=92, exif=exif)
    return out.getvalue()


def describe(job: Job, index: int, batch: int) -> tuple[str, str]:
    """The `parameters` text that other tools read, and everything as JSON."""
    spec, seed = job.spec, job.spec.seed + index
    lines = [spec.prompt]
    if spec.negative_prompt:
        lines.append(f"Negative prompt: {spec.negative_prompt}")
    lines.append(
        f"Steps: {spec.steps}, Sampler: {spec.scheduler}, CFG scale: {spec.guidance_scale:g}, Seed: {seed}, "
        f"Size: {spec.width}x{spec.height}, Model: {job.model}, Version: Darkroom"
    )
    settings: dict[str, Any] = {
        "job": job.id, "index": index, "model": job.model, "task": job.task, "simulated": job.task == "simulated",
        **spec.model_dump(), "seed": seed, "n": 1, "batch": batch, "versions": _versions(job.task),
    }  # fmt: skip
    return "\n".join(lines), json.dumps(settings, ensure_ascii=False)


def _fitting(parameters: str) -> str:
    """Without the end of prompts too long for EXIF; the settings below them stay."""
    if len(parameters.encode("utf-16-be")) <= _COMMENT_BYTES:
        return parameters
    prompts, _, settings = parameters.rpartition("\n")
    return f"{prompts[: _COMMENT_BYTES // 4 - len(settings) - 2]}…\n{settings}"


@cache
def _versions(task: str) -> dict[str, str]:
    """The same picture comes only from the same libraries."""
    found = {}
    for name in ("pillow",) if task == "simulated" else ("torch", "diffusers", "transformers"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
