"""`make samples`: the pictures of the looks and of the default model's examples, drawn anew by a running Darkroom (URL, default http://127.0.0.1:8080).

One strip, web/static/samples.webp: three looks, then up to six examples; samples.json has the words of the examples."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from system.wait import until

STATIC = Path(__file__).resolve().parents[2] / "web" / "static"
LOOKS = (
    ("studio", "a green bottle on a white background"),
    ("lifestyle", "a blue vase against a warm backdrop"),
    ("flat-lay", "a purple bowl on a dark background"),
)
EXAMPLES = 6
SIDE = 256  # pixels: more than the page shows on any screen weighs too much
GUTTER = 1 / 16  # of the side, left and right of each: lossy colours run a few pixels into their neighbours
SEED = 7


def draw(http: httpx.Client, **request: Any) -> Image.Image:
    job = http.post("/v1/jobs", json={"seed": SEED, **request}).raise_for_status().json()
    done = until(lambda: finished(http, job["id"]), 120, f"{request} is drawn")
    return Image.open(io.BytesIO(http.get(done["outputs"][0]["url"]).content)).convert("RGB")


def finished(http: httpx.Client, job: str) -> dict[str, Any]:
    found: dict[str, Any] = http.get(f"/v1/jobs/{job}").json()
    return found if found["status"] == "succeeded" else {}


def main(url: str = "http://127.0.0.1:8080") -> None:
    with httpx.Client(base_url=url, timeout=30) as http:
        models = http.get("/v1/models").json()["models"]
        words = next(model for model in models if model["default"])["examples"][:EXAMPLES]
        pictures = [draw(http, product=product, preset=look) for look, product in LOOKS]
        pictures += [draw(http, prompt=prompt) for prompt in words]
    side = min(SIDE, pictures[0].width)
    gutter = round(side * GUTTER)
    cell = side + 2 * gutter
    strip = Image.new("RGB", (cell * (len(LOOKS) + EXAMPLES), side))
    for index, picture in enumerate(pictures):
        strip.paste(picture.resize((cell, side)), (index * cell, 0))
        strip.paste(picture.resize((side, side), Image.Resampling.LANCZOS), (index * cell + gutter, 0))
    strip.save(STATIC / "samples.webp", quality=80, method=6)
    (STATIC / "samples.json").write_text(json.dumps(words, indent=2) + "\n")
    print(f"{len(pictures)} pictures, {(STATIC / 'samples.webp').stat().st_size} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
