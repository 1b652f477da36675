"""The plain serial loop that Darkroom is held against: one process that draws one picture after another and stores nothing.

A child of `engine.py`: it reads a number of pictures from each line, draws them, and answers the seconds that took.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def simulated(steps: int, step_seconds: float) -> Callable[[int], object]:
    """A step is a pause, as it is for a processor that waits for its GPU."""

    def draw(_: int) -> None:
        for _ in range(steps):
            time.sleep(step_seconds)

    return draw


def pocket_studio(steps: int) -> Callable[[int], object]:
    """The stock pipeline as diffusers' own documentation calls it."""
    import diffusers  # noqa: PLC0415 - only this arm needs torch
    import torch  # noqa: PLC0415

    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(  # type: ignore[no-untyped-call]
        ROOT / "models/pocket-studio", use_safetensors=True, local_files_only=True, dtype=torch.float32
    )
    pipeline.set_progress_bar_config(disable=True)

    def draw(seed: int) -> object:
        return pipeline(
            "a red mug", num_inference_steps=steps, guidance_scale=3, generator=torch.Generator().manual_seed(seed)
        ).images[0]

    return draw


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("model", choices=["simulated", "pocket-studio"])
    arguments.add_argument("--steps", type=int, required=True)
    arguments.add_argument("--step-ms", type=float, default=0)
    given = arguments.parse_args()
    draw = (
        pocket_studio(given.steps) if given.model == "pocket-studio" else simulated(given.steps, given.step_ms / 1000)
    )
    draw(0)
    print("ready", flush=True)
    for line in sys.stdin:
        began = time.perf_counter()
        for seed in range(int(line)):
            draw(seed)
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
