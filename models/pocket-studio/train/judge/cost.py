"""What a pipeline costs on two CPU cores: `python -m train.judge.cost PIPELINE` prints seconds and the peak of memory."""

import resource
import sys
import time

import torch
from diffusers import StableDiffusionPipeline

TIMES = 5


def peak() -> float:
    """MiB that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Loads, draws one picture at a time, prints."""
    torch.set_num_threads(2)
    print(f"torch and diffusers imported: {peak():.0f} MiB")
    began = time.monotonic()
    pipeline = StableDiffusionPipeline.from_pretrained(sys.argv[1], dtype=torch.float32, safety_checker=None)
    print(f"loaded in {time.monotonic() - began:.2f} s: {peak():.0f} MiB")
    pipeline.set_progress_bar_config(disable=True)
    pipeline("a red mug", num_inference_steps=2)  # the first one warms up
    for steps in (20, 10):
        seconds = []
        for _ in range(TIMES):
            began = time.monotonic()
            pipeline("a red mug on a white background", num_inference_steps=steps, guidance_scale=3.0)
            seconds.append(time.monotonic() - began)
        print(f"{steps} steps: {min(seconds):.2f} to {max(seconds):.2f} s")
    print(f"peak: {peak():.0f} MiB")


if __name__ == "__main__":
    main()
