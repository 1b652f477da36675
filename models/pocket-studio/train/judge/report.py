"""Judges a pipeline: `python -m train.judge.report FOLDER PIPELINE` draws the fixed sheet and prints figures.

--products, --colours, --backdrops ask only for what a model knows. Colour and backdrop are measured, the product is named by the
classifier, and all are compared with renders of the same prompts, whose own distance from another set of such renders is the floor.
"""

import argparse
import logging
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from renderer.library import render, scenes_of
from renderer.stock import BACKDROPS, COLOURS, PRODUCTS
from train.judge.classifier import Classifier, small, train
from train.judge.colour import Floats, backdrop_of, colour_of, load_or_measure
from train.judge.distance import frechet_distance
from train.judge.prompts import Prompt, sheet
from train.pictures import VARIETY
from train.shots import draw_untold

SIZE = 256
COLUMNS = 8


def draw(pipeline: StableDiffusionPipeline, prompts: list[Prompt], steps: int, guidance: float) -> np.ndarray:
    """uint8 (n, SIZE, SIZE, 3); seed n for prompt n. A smaller model's pictures are enlarged."""
    pipeline.set_progress_bar_config(disable=True)
    out = []
    for i in range(0, len(prompts), 8):
        part = prompts[i : i + 8]
        generators = [torch.Generator().manual_seed(i + k) for k in range(len(part))]
        images = pipeline(
            [p.text for p in part], num_inference_steps=steps, guidance_scale=guidance, generator=generators
        ).images
        out += [np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BICUBIC)) for image in images]
    return np.stack(out)


def renders(prompts: list[Prompt], seed: int) -> np.ndarray:
    """What the renderer makes of the same prompts."""
    rng = np.random.default_rng(seed)
    shots = [draw_untold(rng, p.product, p.colour, p.backdrop) for p in prompts]
    return render(scenes_of(shots, rng, VARIETY), SIZE)


def sharpness(pictures: np.ndarray) -> float:
    """Mean of the strongest hundredth of the steps between neighbours, 0 to 255."""
    steps = np.abs(np.diff(pictures.astype(np.int16), axis=2)).max(-1).reshape(len(pictures), -1)
    strongest = np.sort(steps, axis=1)[:, -steps.shape[1] // 100 :]
    return float(strongest.mean())


@torch.no_grad()
def judge(
    pictures: np.ndarray, prompts: list[Prompt], classifier: Classifier, colours: dict[tuple[str, str], Floats]
) -> dict[str, float]:
    """Per cent right of colour, product and backdrop."""
    named = classifier(small(pictures)).argmax(1).tolist()
    rows = [
        (
            colour_of(x, colours[p.product, p.backdrop]) == p.colour,
            PRODUCTS[n] == p.product,
            backdrop_of(x) == p.backdrop,
        )
        for x, p, n in zip(pictures, prompts, named, strict=True)
    ]
    return dict(zip(("colour", "product", "backdrop"), (100 * np.mean(rows, axis=0)).round(1).tolist(), strict=True))


@torch.no_grad()
def report(pictures: np.ndarray, prompts: list[Prompt], folder: Path) -> None:
    """Prints the figures, seen and held-out combinations apart, renders judged by the same judges beside them."""
    classifier, colours = train(folder), load_or_measure(folder)
    first, second = renders(prompts, 1001), renders(prompts, 1002)
    for name, kinds in (("seen", (False,)), ("held out", (True,)), ("all", (False, True))):
        chosen = [i for i, p in enumerate(prompts) if p.held_out in kinds]
        if not chosen:
            continue
        asked = [prompts[i] for i in chosen]
        a, b, c = (classifier.features(small(x[chosen])) for x in (pictures, first, second))
        print(f"{name}, {len(chosen)} pictures")
        print(
            f"  model   {judge(pictures[chosen], asked, classifier, colours)}, {frechet_distance(a, b):.2f} from renders"
        )
        print(
            f"  renders {judge(first[chosen], asked, classifier, colours)}, {frechet_distance(c, b):.2f} from renders"
        )
    print(f"sharpness: model {sharpness(pictures):.1f}, renders {sharpness(first):.1f}")


def contact_sheet(pictures: np.ndarray, target: Path) -> None:
    """All pictures at half size, in rows of COLUMNS; what does not fill a row is left out."""
    pictures = pictures[: len(pictures) // COLUMNS * COLUMNS]
    half = pictures.reshape(len(pictures), SIZE // 2, 2, SIZE // 2, 2, 3).mean((2, 4)).astype(np.uint8)
    rows = half.reshape(-1, COLUMNS, SIZE // 2, SIZE // 2, 3).transpose(0, 2, 1, 3, 4)
    Image.fromarray(rows.reshape(-1, COLUMNS * SIZE // 2, 3)).save(target)


def main() -> None:
    """Draws, judges, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the judges are, or will be")
    parser.add_argument("pipeline", type=Path)
    for name, table in (("products", PRODUCTS), ("colours", tuple(COLOURS)), ("backdrops", tuple(BACKDROPS))):
        parser.add_argument(f"--{name}", nargs="+", choices=table, default=table)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--sheet", type=Path, help="write all pictures here, at half their size")
    parser.add_argument("--every", type=int, help="draw only every so manyth prompt for the sheet, and judge nothing")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(2)
    prompts = sheet(given.products, given.colours, given.backdrops)[:: given.every]
    pipeline = StableDiffusionPipeline.from_pretrained(given.pipeline, dtype=torch.float32, safety_checker=None)
    pictures = draw(pipeline, prompts, given.steps, given.guidance)
    if given.sheet:
        contact_sheet(pictures, given.sheet)
    if not given.every:
        report(pictures, prompts, given.folder)


if __name__ == "__main__":
    main()
