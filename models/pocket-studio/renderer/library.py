"""The compiled renderer: built with gcc when its sources changed, called through ctypes."""

import ctypes
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from renderer.scene import SCENE, Shot, stage
from renderer.stock import PRODUCTS

SOURCES = Path(__file__).parent
FLAGS = ("-O3", "-march=native", "-ffast-math", "-fopenmp", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror")


class Bounds(ctypes.Structure):
    """As in products.h."""

    _fields_ = (("x", ctypes.c_float), ("y", ctypes.c_float), ("z", ctypes.c_float))


@cache
def library() -> ctypes.CDLL:
    """The renderer, built into the cache folder (XDG_CACHE_HOME) if these very sources have not been built yet."""
    code = b"".join(path.read_bytes() for path in sorted(SOURCES.glob("*.[ch]"))) + " ".join(FLAGS).encode()
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pocket-studio"
    built = folder / f"renderer-{hashlib.sha256(code).hexdigest()[:16]}.so"
    if not built.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".so", delete=False) as unfinished:
            subprocess.run(["gcc", *FLAGS, "-o", unfinished.name, *sorted(SOURCES.glob("*.c")), "-lm"], check=True)
        Path(unfinished.name).rename(built)
    return ctypes.CDLL(str(built))


@cache
def bounds_of(product: str) -> tuple[float, float, float]:
    """Half width, height and half depth of a box that holds every form of the product."""
    table = (Bounds * len(PRODUCTS)).in_dll(library(), "PRODUCT_BOUNDS")
    entry = table[PRODUCTS.index(product)]
    return entry.x, entry.y, entry.z


def scenes_of(shots: Iterable[Shot], rng: np.random.Generator, variety: float = 1.0) -> npt.NDArray[np.void]:
    """A record of SCENE for each shot."""
    return np.array([stage(shot, rng, bounds_of(shot.product), variety) for shot in shots], SCENE)


def render(scenes: npt.NDArray[np.void], size: int = 256) -> npt.NDArray[np.uint8]:
    """Pictures (len(scenes), size, size, 3), sRGB bytes. The same scenes give the same bytes on one machine."""
    records = np.ascontiguousarray(scenes, SCENE)
    pictures = np.empty((len(records), size, size, 3), np.uint8)
    failed = library().render(
        records.ctypes.data_as(ctypes.c_void_p), len(records), size, pictures.ctypes.data_as(ctypes.c_void_p)
    )
    if failed:
        raise MemoryError(f"no memory to render {len(records)} pictures of {size} x {size}")
    return pictures
