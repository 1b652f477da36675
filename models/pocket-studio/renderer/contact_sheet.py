"""Draws every product in several shots: `python -m renderer.contact_sheet sheet.png [variety]`."""

import sys

import numpy as np
from PIL import Image

from renderer.library import render, scenes_of
from renderer.scene import Shot
from renderer.stock import BACKDROPS, COLOURS, MADE_OF, PRODUCTS

COLUMNS = 10
SIZE = 256


def shots() -> list[Shot]:
    """COLUMNS shots of every product that walk through colours, backdrops, materials, lights and views."""
    rows = []
    for i, product in enumerate(PRODUCTS):
        for k in range(COLUMNS):
            materials = MADE_OF[product]
            rows.append(
                Shot(
                    product,
                    list(COLOURS)[(5 * k + 7 * i) % len(COLOURS)],
                    list(BACKDROPS)[(k + i) % len(BACKDROPS)],
                    materials[k % len(materials)],
                    "right" if k == 4 else "left",
                    "hard" if k in (3, 8) else "soft",
                    {6: "above", 7: "level"}.get(k, "front"),
                    k == 9,
                )
            )
    return rows


def main() -> None:
    """Writes the sheet."""
    variety = float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
    pictures = render(scenes_of(shots(), np.random.default_rng(0), variety), SIZE)
    rows = pictures.reshape(-1, COLUMNS, SIZE, SIZE, 3).transpose(0, 2, 1, 3, 4)
    Image.fromarray(rows.reshape(-1, COLUMNS * SIZE, 3)).save(sys.argv[1])


if __name__ == "__main__":
    main()
