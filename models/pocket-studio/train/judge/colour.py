"""Measures colours in a picture; learns nothing."""

from functools import cache

import numpy as np
import numpy.typing as npt

from renderer.stock import BACKDROPS, COLOURS, Rgb

Floats = npt.NDArray[np.float64]

RIM = 10  # pixels of a 256 pixel picture that are sure to be backdrop
DIFFERENT = 0.13  # of 0 to 1 in any channel: no longer backdrop
COLOURLESS = ("white", "grey", "black")
CHROMA = 14.0  # in CIELAB: what has less is white, grey or black
COLOURED = 0.3  # of the foreground: less is trim, legs or a flame
WHITE, BLACK = 72.0, 38.0  # lightness above and below which grey ends
BROWN = 48.0  # lightness below which orange is called brown


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
    """The product's pixels, sRGB 0 to 1 (n, 3): what differs from the backdrop and is not its shadow, in the middle of the picture."""
    size = len(picture)
    middle = picture[size // 6 : -size // 6, size // 6 : -size // 6].reshape(-1, 3) / 255
    back = backdrop_colour(picture)
    other: Floats = middle[np.abs(middle - back).max(1) > DIFFERENT]
    if len(other) == 0:
        return np.asarray(middle)
    ratio = (other**2.2 + 0.002) / (back**2.2 + 0.002)
    shadow = (np.ptp(ratio, axis=1) < 0.12) & (ratio.max(1) < 1) & (ratio.min(1) > 0.2)
    product: Floats = other[~shadow]
    return product if len(product) > 0.3 * len(other) else other


def colour_of(picture: npt.NDArray[np.uint8]) -> str:
    """The colour's name, by hue where there is one, else by lightness."""
    pixels = lab(foreground(picture))
    chroma = np.hypot(pixels[:, 1], pixels[:, 2])
    if (chroma > CHROMA).mean() < COLOURED:
        lit = np.quantile(pixels[chroma <= CHROMA][:, 0], 0.6)
        return "white" if lit > WHITE else "black" if lit < BLACK else "grey"
    coloured = pixels[chroma > CHROMA]
    strong = coloured[chroma[chroma > CHROMA] >= np.median(chroma[chroma > CHROMA])]  # reflections have less
    lightness, a, b = np.median(strong, 0)
    names, known = references(tuple((n, rgb) for n, rgb in COLOURS.items() if n not in (*COLOURLESS, "brown")))
    turn = np.angle(np.exp(1j * (np.arctan2(known[:, 2], known[:, 1]) - np.arctan2(b, a))))
    name = names[int(np.argmin(np.abs(turn)))]
    return "brown" if name == "orange" and lightness < BROWN else name


def backdrop_of(picture: npt.NDArray[np.uint8]) -> str:
    """The name of the backdrop that the rim comes nearest to."""
    return nearest(lab(backdrop_colour(picture)), tuple(BACKDROPS.items()))


def nearest(seen: Floats, table: tuple[tuple[str, Rgb], ...]) -> str:
    """By distance in CIELAB."""
    names, known = references(table)
    return names[int(np.argmin(((known - seen) ** 2).sum(1)))]


@cache
def references(table: tuple[tuple[str, Rgb], ...]) -> tuple[list[str], Floats]:
    """Names and CIELAB of a table of colours."""
    return [name for name, _ in table], lab(np.array([rgb for _, rgb in table]) / 255)
