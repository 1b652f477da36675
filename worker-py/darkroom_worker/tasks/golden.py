"""The golden picture: drawn again before a worker takes jobs, and compared with what was recorded.

`python -m darkroom_worker.tasks.golden MODEL_ID` records it, where the catalogue's `golden` says.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops, ImageStat
from PIL.PngImagePlugin import PngInfo
from pydantic import ValidationError

from darkroom_worker import catalog, settings
from darkroom_worker.catalog import Model
from darkroom_worker.messages import Spec
from darkroom_worker.tasks import device
from darkroom_worker.tasks.task import BadOutput, Refused, Setup, Unfit

STEPS = 10  # at most: a broken model shows long before
# Largest mean and largest single difference of a colour, of 255, by device and dtype. Kernels differ from machine to machine in
# the last bits, and every step carries that on; where two rows apply, the wider one counts. Another model differs by far more.
TOLERANCE = {
    ("cpu", "float32"): (0.5, 32),
    ("cpu", "bfloat16"): (6.0, 192),
    ("cuda", "float32"): (1.0, 64),
    ("cuda", "float16"): (3.0, 128),
    ("cuda", "bfloat16"): (6.0, 192),
}


def check(model: Model, draw: Callable[[Spec], Image.Image], usual: Spec, here: tuple[str, str]) -> None:
    """Draws the recorded picture again; where none is recorded, `usual`, which must be a picture at all. Raises Unfit.

    draw: one picture at batch 1. here: device and dtype, as in TOLERANCE.
    """
    try:
        if model.golden is None:
            draw(usual)
            return
        recorded, spec, there = read(model)
        drawn = draw(spec)
    except (BadOutput, Refused) as error:
        raise Unfit(f"it cannot draw its golden picture: {error}") from error
    if drawn.size != recorded.size:
        raise Unfit(f"it drew {_size(drawn)} pixels, and {model.golden} has {_size(recorded)}. {_again(model)}")
    mean, most = difference(drawn, recorded)
    allowed_mean, allowed_most = map(max, TOLERANCE[here], TOLERANCE.get(there, (0, 0)))
    if mean > allowed_mean or most > allowed_most:
        raise Unfit(
            f"it draws something else than {model.golden}: {mean:.2f} of 255 off in the mean and {most} at most, where {allowed_mean:g} "
            f"and {allowed_most:g} are allowed. Its weights or the libraries have changed. {_again(model)}"
        )


def read(model: Model) -> tuple[Image.Image, Spec, tuple[str, str]]:
    """A recorded picture, what it was drawn from, and on which device and dtype. Raises Unfit."""
    path = Path(model.golden or "")
    try:
        picture = Image.open(path)
        picture.load()
        about = json.loads(picture.text["darkroom"])  # type: ignore[attr-defined] # a PNG has it
        spec = Spec.model_validate(about)
        there = str(about["device"]), str(about["dtype"])
    except OSError as error:
        raise Unfit(f"{path} cannot be read ({error.strerror or error}). {_again(model)}") from error
    except (AttributeError, KeyError, TypeError, ValueError, ValidationError) as error:
        raise Unfit(f"{path} does not tell how it was drawn. {_again(model)}") from error
    if about.get("model") != model.id:
        raise Unfit(f"{path} is of the model {about.get('model')}. {_again(model)}")
    return picture.convert("RGB"), spec, there


def record(path: Path, model: Model, picture: Image.Image, spec: Spec, here: tuple[str, str]) -> None:
    """Writes the picture with all that it takes to draw it again."""
    libraries = {name: version(name) for name in ("torch", "diffusers", "transformers")}
    about = {"model": model.id, **spec.model_dump(), "device": here[0], "dtype": here[1], "versions": libraries}
    text = PngInfo()
    text.add_text("darkroom", json.dumps(about))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, "PNG", pnginfo=text)


def difference(one: Image.Image, other: Image.Image) -> tuple[float, int]:
    """Mean and largest difference of two pictures' colours, each of 255."""
    apart = ImageChops.difference(one.convert("RGB"), other.convert("RGB"))
    return sum(ImageStat.Stat(apart).mean) / 3, max(high for _, high in apart.getextrema())  # type: ignore[misc]


def _again(model: Model) -> str:
    return f"To record it: make golden MODEL={model.id}"


def _size(picture: Image.Image) -> str:
    return f"{picture.width} x {picture.height}"


def main(model_id: str) -> None:
    """Draws the model's first example with its defaults and records it."""
    config = settings.load()
    model = catalog.load(config.MODELS_FILE, [model_id], test_mode=True)[model_id]
    module = importlib.import_module(f"darkroom_worker.tasks.{model.task}")
    task: Any = module.create(model, Setup(device.choose(config.WORKER_DEVICE), Path("/nonexistent"), previews=False))
    task.load()
    spec = task.usual(steps=min(STEPS, model.defaults.steps), prompt=next(iter(model.examples), "a red ball"))
    path = Path(model.golden or config.MODELS_FILE.resolve().parent.parent / "models" / model.id / "golden.png")
    record(path, model, task.draw_alone(spec), spec, task.here)
    print(f"{path}: “{spec.prompt}”, {spec.steps} steps on {task.here[0]} in {task.here[1]}")
    if model.golden is None:
        print(f"Now add to {model.id} in {config.MODELS_FILE}:  golden: models/{model.id}/golden.png")


if __name__ == "__main__":
    main(sys.argv[1])
