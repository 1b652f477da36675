"""From a shot in words to the numbers of `scene.h`."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from renderer.stock import BACKDROPS, COLOURS, MATERIALS, PRODUCTS, Rgb

# The fields of scene.h, in its order.
SCENE = np.dtype(
    [
        ("product", "i4"), ("material", "i4"), ("window", "i4"),
        ("colour", "f4", 3), ("trim", "f4", 3), ("backdrop", "f4", 3),
        ("yaw", "f4"), ("pitch", "f4"), ("distance", "f4"), ("field_of_view", "f4"),
        ("shift", "f4", 2), ("light", "f4", 3),
        ("key", "f4"), ("fill", "f4"), ("sharpness", "f4"),
        ("shape", "f4", 4),
    ]
)  # fmt: skip


class Shot(NamedTuple):
    """A product photograph in words: each value is one of the tables in stock.py."""

    product: str
    colour: str
    backdrop: str
    material: str = "matte"
    light: str = "left"
    shadow: str = "soft"
    view: str = "front"
    window: bool = False


BLACK, WHITE, WOOD, DARK_WOOD, BRASS = (
    Rgb(40, 40, 42),
    Rgb(226, 226, 223),
    Rgb(152, 106, 66),
    Rgb(62, 46, 37),
    Rgb(186, 152, 84),
)
TRIMS = {
    "bottle": (BLACK, WOOD, BRASS),
    "lamp": (BLACK, WOOD, BRASS),
    "chair": (WOOD, DARK_WOOD),
    "perfume": (BLACK, BRASS),
    "backpack": (BLACK,),
}
# Radians: the side that tells the product best. Handles, spouts and toes point right.
YAW = {
    "mug": 0.38, "box": 0.6, "teapot": 0.15, "chair": -0.6, "can": 0.5, "perfume": 0.3,
    "watch": 0.42, "shoe": 0.3, "headphones": 0.42, "backpack": 0.35,
}  # fmt: skip
PITCH = {"front": 17.0, "above": 40.0, "level": 7.0}  # degrees above the horizon
SEEN_FROM_HIGHER = {"donut": 15.0, "bowl": 9.0, "shoe": 3.0}  # degrees: or their hollow would not show
FIELD_OF_VIEW = math.radians(28)
FILLS = 0.8  # of the picture's width or height, whichever is tighter


def stage(
    shot: Shot, rng: np.random.Generator, bounds: tuple[float, float, float], variety: float = 1.0
) -> npt.NDArray[np.void]:
    """One record of SCENE.

    bounds: half width, height and half depth that the product needs; variety: 0 a fixed pose and form, 1 all the renderer offers.
    """

    def spread(width: float) -> float:
        return variety * float(rng.uniform(-width, width))

    record = np.zeros((), SCENE)
    record["product"], record["material"] = PRODUCTS.index(shot.product), MATERIALS.index(shot.material)
    record["window"] = shot.window
    record["colour"] = linear(COLOURS[shot.colour], rng.normal(0, 4, 3) * variety)
    trims = TRIMS.get(shot.product, (BLACK,))
    record["trim"] = linear(trims[rng.integers(len(trims))])
    record["backdrop"] = linear(BACKDROPS[shot.backdrop], np.full(3, spread(1.5 if shot.backdrop == "white" else 5)))

    yaw = YAW.get(shot.product, 0.0) + spread(0.3)
    pitch = math.radians(
        PITCH[shot.view] + (SEEN_FROM_HIGHER.get(shot.product, 0) if shot.view == "front" else 0) + spread(4)
    )
    record["yaw"], record["pitch"], record["field_of_view"] = yaw, pitch, FIELD_OF_VIEW
    record["distance"], record["shift"] = frame(bounds, yaw, pitch, FILLS * (1 + spread(0.1)))
    record["shift"] += (spread(0.05), spread(0.04))

    side = -1 if shot.light == "left" else 1
    hard = shot.shadow == "hard"
    record["light"] = (side * (0.72 + spread(0.1)), 1.12 + spread(0.1), 0.58 + spread(0.08))
    record["key"], record["fill"] = (0.92, 0.26) if hard else (0.74, 0.39)
    record["sharpness"] = 26 if hard else 5
    record["shape"] = 0.5 + np.array([spread(0.5) for _ in range(4)])
    return record


def frame(
    bounds: tuple[float, float, float], yaw: float, pitch: float, fills: float
) -> tuple[float, tuple[float, float]]:
    """Distance and shift that put a box of this size in the middle of the picture, its tighter side filling the given part."""
    half_width, height, half_depth = bounds
    across = half_width * abs(math.cos(yaw)) + half_depth * abs(math.sin(yaw)) * 0.7
    along = height / 2 * math.cos(pitch) + half_depth * math.sin(pitch)
    tangent = math.tan(FIELD_OF_VIEW / 2)
    distance = max(across, along) / (fills * tangent)
    above_target = (height / 2 - 0.45) * math.cos(pitch)  # the camera looks at y = 0.45
    return distance, (0.0, above_target / (distance * tangent))


def linear(colour: Rgb, shift: npt.ArrayLike = 0.0) -> npt.NDArray[np.float64]:
    """Linear RGB, 0 to 1, of an sRGB colour moved by shift (in steps of 255)."""
    moved: npt.NDArray[np.float64] = np.clip(np.asarray(colour, float) + shift, 4, 255)
    return np.asarray((moved / 255) ** 2.2)
