"""Trains Pocket Studio. One command, stages that go on where a stopped run was:

python -m train.run FOLDER                          all stages, then FOLDER/pipeline
python -m train.run FOLDER unet --device cuda --unet-batch 256
python -m train.run FOLDER resume --from SITTING    lay out what an earlier sitting exported
"""

import argparse
import logging
from collections.abc import Callable
from pathlib import Path

import torch

from renderer.stock import PRODUCTS
from train import autoencoder, decoder, export, latents, pictures, samples, text, unet
from train.settings import Settings

TEST_PICTURES, TEST_SEED, SEED = 500, 7, 1


def render(settings: Settings) -> None:
    """The pictures to learn from, and 500 of all combinations to test on."""
    pictures.make(settings.folder / "test", TEST_PICTURES, TEST_SEED, withheld=None)
    pictures.make(settings.folder / "pictures", settings.pictures, SEED)


def main() -> None:
    """Runs the stages named, or all that lead to a pipeline."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="pictures, checkpoints and results; grows to some GB")
    parser.add_argument(
        "stages", nargs="*", help="render text autoencoder latents unet decoder export; samples, resume"
    )
    parser.add_argument("--from", dest="source", type=Path, help="resume: an exported folder")
    parser.add_argument("--products", nargs="+", choices=PRODUCTS, help="that the UNet is taught")
    parser.add_argument("--device")
    for name in (
        "threads",
        "pictures",
        "text-steps",
        "coder-steps",
        "coder-batch",
        "unet-steps",
        "unet-batch",
        "decoder-steps",
        "decoder-batch",
    ):
        parser.add_argument(f"--{name}", type=int)
    given = {key: value for key, value in vars(parser.parse_args()).items() if value is not None}
    stages, source = given.pop("stages"), given.pop("source", None)
    if "products" in given:
        given["products"] = tuple(given["products"])
    settings = Settings(**given)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(settings.threads)

    known: dict[str, Callable[[Settings], None]] = {
        "render": render,
        "text": text.train,
        "autoencoder": autoencoder.train,
        "latents": latents.make,
        "unet": unet.train,
        "decoder": decoder.train,
        "export": lambda s: export.export(s, s.folder / "pipeline"),
        "samples": lambda s: samples.draw(s, s.folder / "samples.png"),
        "resume": lambda s: export.resume(s, source),
    }
    if unknown := set(stages) - set(known):
        parser.error(f"no such stage: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    if "resume" in stages and not source:
        parser.error("resume wants --from and an exported folder")
    for stage in stages or ("render", "text", "autoencoder", "latents", "unet", "decoder", "export"):
        known[stage](settings)


if __name__ == "__main__":
    main()
