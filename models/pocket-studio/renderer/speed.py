"""Prints pictures per second: `python -m renderer.speed [size] [count]`."""

import sys
import time

import numpy as np

from renderer.contact_sheet import shots
from renderer.library import library, render, scenes_of


def main() -> None:
    """Times one batch that holds every product."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    scenes = scenes_of(shots(), np.random.default_rng(0))
    library()
    began = time.perf_counter()
    pictures = render(scenes, size)
    seconds = time.perf_counter() - began
    print(f"{len(pictures)} pictures of {size} x {size} in {seconds:.2f} s: {len(pictures) / seconds:.1f} a second")


if __name__ == "__main__":
    main()
