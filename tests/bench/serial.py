"""The plain serial loop that Darkroom is held against: one process that draws one picture after another and stores nothing.

A child of `arms.py`: each line is a number of pictures and how many are drawn at a time; the answer is the seconds that took.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from bench.subject import SUBJECTS, Subject

Draw = Callable[[int, int], object]  # the first seed, and how many pictures at once


def simulated(subject: Subject) -> Draw:
    """A step is a pause, as it is for a processor that waits for its GPU."""

    def draw(_: int, __: int) -> None:
        for _ in range(subject.steps):
            time.sleep(subject.step_ms / 1000)

    return draw


def diffusers(subject: Subject) -> Draw:
    """The stock pipeline as diffusers' own documentation calls it."""
    import torch  # noqa: PLC0415 - only this arm needs torch
    from diffusers import DDIMScheduler, StableDiffusionPipeline  # noqa: PLC0415

    dtype = torch.float16 if subject.device == "cuda" else torch.float32
    pipeline: Any = StableDiffusionPipeline.from_pretrained(
        subject.folder, use_safetensors=True, local_files_only=True, dtype=dtype
    )
    pipeline.to(subject.device)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)

    def draw(seed: int, together: int) -> object:
        return pipeline(
            subject.prompt, num_images_per_prompt=together, num_inference_steps=subject.steps, guidance_scale=3,
            width=subject.size, height=subject.size,
            generator=[torch.Generator().manual_seed(seed + row) for row in range(together)],
        ).images  # fmt: skip

    return draw


def main() -> None:
    subject = SUBJECTS[sys.argv[1]]
    draw = diffusers(subject) if subject.folder else simulated(subject)
    draw(0, 1)
    print("ready", flush=True)
    for line in sys.stdin:
        pictures, together = map(int, line.split())
        began = time.perf_counter()
        for seed in range(0, pictures, together):
            draw(seed, together)
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
