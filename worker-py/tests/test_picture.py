"""A picture as a file: whatever the prompt, it can be encoded, and its settings read."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from PIL import Image

from darkroom_worker.messages import Job
from darkroom_worker.tasks.picture import encode

LONG = "\N{GRINNING FACE}" * 10_000


@pytest.mark.parametrize("format_", ["png", "webp", "jpeg"])
@pytest.mark.parametrize(("prompt", "negative"), [("a mug", ""), (LONG, LONG), ("tab\t\x00\r\n\u202e %s", "<script>")])
def test_every_prompt_fits_into_every_format_beside_its_settings(format_: str, prompt: str, negative: str) -> None:
    spec = {
        "prompt": prompt, "negative_prompt": negative, "width": 64, "height": 64, "steps": 4, "guidance_scale": 3.5,
        "scheduler": "simulated", "seed": 7, "n": 2, "format": format_,
    }  # fmt: skip
    job = Job.model_validate({
        "version": 1, "id": "06h00e010015g001081g81860s40i7ko2sfi5e9r26", "owner": "ab" * 16, "model": "simulated",
        "task": "simulated", "spec": spec, "input": {}, "warnings": [], "metadata": {}, "seed_drawn": False,
        "created_at": 1795300000000, "deadline": 1795300600000, "max_attempts": 3,
    })  # fmt: skip
    picture: Any = Image.open(io.BytesIO(encode(Image.new("RGB", (64, 64), "red"), job, 1, 4)))
    if format_ == "png":
        text = picture.text["parameters"]
        settings = json.loads(picture.text["darkroom"])
        assert (settings["prompt"], settings["seed"], settings["n"], settings["batch"]) == (prompt, 8, 1, 4)
    else:
        text = picture.getexif().get_ifd(0x8769)[0x9286].removeprefix(b"UNICODE\0").decode("utf-16-be")
    assert text.startswith(prompt[:1000])
    assert text.endswith(
        "\nSteps: 4, Sampler: simulated, CFG scale: 3.5, Seed: 8, Size: 64x64, Model: simulated, Version: Darkroom"
    )
