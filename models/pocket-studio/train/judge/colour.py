"""Measures colours in a picture.

The product's colour is measured by comparing the foreground with renders of the same product before the same backdrop in every colour:
a watch is mostly dial, headphones have black pads, and a black bottle all but vanishes in the dark.
"""

from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from renderer.library import render, scenes_of
from renderer.stock import BACKDROPS, COLOURS, PRODUCTS
from train.pictures import VARIETY
from train.shots import draw_untold

Floats = npt.NDArray[np.float64]

RIM = 10  # pixels of a 256 pixel picture that are sure to be backdrop
DIFFERENT = 0.13  # of 0 to 1 in any channel: no longer backdrop
QUANTILES = np.linspace(0.02, 0.98, 8)
LIGHTNESS = 0.7  # weight beside the two axes of hue: light and shade tell less
RENDERS, SIZE, SEED = 8, 128, 77  # of each combination, their pixels a side
EMPTY = 0.003  # of the middle: of 1296 renders the emptiest, a black lamp in the dark, has 0.0048
FAR = 70.0  # from every render: of the same 1296 the farthest is 66.5


def lab(rgb: Floats) -> Floats:
    """CIELAB (D65) of sRGB 0 to 1, last axis the channels."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz: Floats = linear @ matrix.T / np.array([0.9505, 1.0, 1.089])
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def backdrop_colour(picture: npt.NDArray[np.uint8]) -> Floats:
    """Median sRGB, 0 to 1, of the rim."""
    rim = max(1, RIM * len(picture) // 256)
    edge = np.concatenate(
        [picture[:rim].reshape(-1, 3), picture[:, :rim].reshape(-1, 3), picture[:, -rim:].reshape(-1, 3)]
    )
    return np.asarray(np.median(edge, 0) / 255)


def foreground(picture: npt.NDArray[np.uint8]) -> Floats:
    """The product's pixels, sRGB 0 to 1 (n, 3): what differs from the backdrop and is not its shadow, in the middle of the picture.

    None (n is 0) where next to nothing differs.
    """
    size = len(picture)
    middle = picture[size // 6 : -size // 6, size // 6 : -size // 6].reshape(-1, 3) / 255
    back = backdrop_colour(picture)
    other: Floats = middle[np.abs(middle - back).max(1) > DIFFERENT]
    if len(other) < EMPTY * len(middle):
        return np.empty((0, 3))
    ratio = (other**2.2 + 0.002) / (back**2.2 + 0.002)
    shadow = (np.ptp(ratio, axis=1) < 0.12) & (ratio.max(1) < 1) & (ratio.min(1) > 0.2)
    product: Floats = other[~shadow]
    return product if len(product) > 0.3 * len(other) else other


def measure(pixels: Floats) -> Floats:
    """(24,): quantiles of each axis of CIELAB; distances between such are about how far colours would have to be moved."""
    return np.quantile(lab(pixels) * (LIGHTNESS, 1, 1), QUANTILES, axis=0).ravel()


def measure_renders(products: tuple[str, ...] = PRODUCTS) -> dict[tuple[str, str], Floats]:
    """For each product and backdrop the measures (12, RENDERS, 24) of renders in each colour."""
    rng = np.random.default_rng(SEED)
    known = {}
    for name, backdrop in product(products, BACKDROPS):
        shots = [draw_untold(rng, name, colour, backdrop) for colour in COLOURS for _ in range(RENDERS)]
        pictures = render(scenes_of(shots, rng, VARIETY), SIZE)
        measures = np.array([measure(foreground(picture)) for picture in pictures])
        known[name, backdrop] = measures.reshape(len(COLOURS), RENDERS, -1)
    return known


def load_or_measure(folder: Path) -> dict[tuple[str, str], Floats]:
    """measure_renders() of all products, kept in FOLDER/colours.npy."""
    path = folder / "colours.npy"
    if not path.exists():
        np.save(path, np.array(list(measure_renders().values())))
    return dict(zip(product(PRODUCTS, BACKDROPS), np.load(path), strict=True))


def colour_of(picture: npt.NDArray[np.uint8], known: Floats) -> str | None:
    """The colour of the render, of this product before this backdrop, that the picture comes nearest to; None where nothing is near."""
    pixels = foreground(picture)
    if len(pixels) == 0:
        return None
    distances = np.sqrt(((known - measure(pixels)) ** 2).sum(-1)).min(1)
    return list(COLOURS)[int(distances.argmin())] if distances.min() <= FAR else None


def backdrop_of(picture: npt.NDArray[np.uint8]) -> str:
    """The name of the backdrop whose colour the rim comes nearest to."""
    known = lab(np.array(list(BACKDROPS.values())) / 255)
    return list(BACKDROPS)[int(((known - lab(backdrop_colour(picture))) ** 2).sum(1).argmin())]
