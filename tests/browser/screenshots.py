"""`make screenshots`: every page and state, light and dark, from phone to wide screen, as PNG files in an ignored folder.

The page runs alone, with the sample jobs of gateway-go/internal/pages; pictures are those of the first visit."""

import io
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from PIL import Image, ImageChops, ImageFilter, ImageOps
from playwright.sync_api import Browser, Page, Route, ViewportSize, sync_playwright

from browser.conftest import CHROMIUM_OPTIONS
from browser.samples import GUTTER, LOOKS, STATIC
from system.wait import until

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".darkroom" / "screenshots"
PREVIEW = ROOT / "gateway-go"

DESKTOP: ViewportSize = {"width": 1440, "height": 1000}
WIDE: ViewportSize = {"width": 1920, "height": 1080}
PHONE: ViewportSize = {"width": 360, "height": 780}
BOTH = ("light", "dark")


@dataclass(frozen=True)
class Shot:
    """One page in one state; `do` is what a person does there first."""

    name: str
    path: str
    sizes: tuple[ViewportSize, ...] = (DESKTOP, PHONE)
    schemes: tuple[str, ...] = BOTH
    whole: bool = False  # the page to its end, not only the first screen
    do: Callable[[Page], None] = lambda page: None


def open_fine_controls(page: Page) -> None:
    if page.locator(".summary").is_visible():
        page.locator(".summary").click()
    page.locator(".fold").click()
    page.mouse.move(0, 0)


def pick_two(page: Page) -> None:
    open_fine_controls(page)
    for box in page.get_by_label("Pick").all()[:2]:
        box.check()


def ask_for_too_much(page: Page) -> None:
    open_fine_controls(page)
    page.locator("#words").fill("a steel kettle")
    page.locator("#steps").fill("900")
    page.locator("[data-main]").click()
    page.locator("#error-steps").wait_for()


def open_menu(page: Page) -> None:
    page.locator(".menu summary").first.click()


def full_line(page: Page) -> None:
    page.route("**/jobs", lambda route: route.fulfill(status=429))
    page.locator("#words").fill("a steel kettle")
    page.locator("[data-main]").click()
    page.locator("[data-away]").wait_for()


SHOTS = (
    Shot("first-visit", "/empty/", (DESKTOP, WIDE, PHONE), whole=True),
    Shot("studio", "/", (DESKTOP, WIDE, PHONE), whole=True),
    Shot("picked", "/done/", do=pick_two),
    Shot("roll", "/done/", (WIDE,), ("light",), whole=True),
    Shot("small", "/small/", (DESKTOP, PHONE), ("light",)),
    Shot("small-job", "/small/jobs/{small}", (DESKTOP,), ("dark",)),
    Shot("menu", "/done/", (DESKTOP,), ("dark",), do=open_menu),
    Shot("refused", "/done/", (DESKTOP, PHONE), ("light",), do=full_line),
    Shot("field-error", "/", do=ask_for_too_much),
    Shot("job-done", "/jobs/{succeeded}", (DESKTOP, WIDE, PHONE), whole=True),
    Shot("job-four", "/jobs/{four}", (DESKTOP,), ("light",), whole=True),
    Shot("job-running", "/jobs/{running}"),
    Shot("job-queued", "/jobs/{queued}"),
    Shot("job-failed", "/jobs/{failed}"),
    Shot("compare", "/compare?pick={succeeded}&pick={other}", whole=True),
    Shot("status", "/status", whole=True),
    Shot("docs", "/docs"),
    Shot("away", "/away/", (DESKTOP, PHONE), ("light",)),
    Shot("missing", "/jobs/nobody", (DESKTOP, PHONE), ("light",)),
    Shot("delete", "/jobs/{succeeded}/delete", (DESKTOP,), ("light",)),
)


class Darkroom:
    """Stands in for a model: answers a job's words with the sample picture that fits them best, mirrored for every second image."""

    def __init__(self, url: str) -> None:
        self._url = url
        strip, words = Image.open(STATIC / "samples.webp"), json.loads((STATIC / "samples.json").read_text())
        side, gutter = strip.height, round(strip.height * GUTTER)
        lefts = range(gutter, strip.width, side + 2 * gutter)
        pictures = [strip.crop((left, 0, left + side, side)) for left in lefts]
        self._samples = list(zip([words for _, words in LOOKS] + words, pictures, strict=True))
        self._words: dict[str, set[str]] = {}

    def draw(self, route: Route) -> None:
        _, job, kind = re.split(r".*/v1/jobs/(\w+)/", urlsplit(route.request.url).path)
        seen = self._fitting(self._words_of(job))
        if kind.endswith(("1", "2")):
            seen = ImageOps.mirror(seen)
        if kind == "preview":
            noise = Image.effect_noise(seen.size, 40).convert("RGB")
            seen = ImageChops.add(seen.filter(ImageFilter.GaussianBlur(4)), noise, offset=-128)
        out = io.BytesIO()
        seen.save(out, "PNG")
        route.fulfill(body=out.getvalue(), content_type="image/png")

    def _fitting(self, words: set[str]) -> Image.Image:
        return max(self._samples, key=lambda sample: len(words & set(sample[0].split())))[1].convert("RGB")

    def _words_of(self, job: str) -> set[str]:
        if job not in self._words:
            pages = [httpx.get(f"{self._url}{desk}/jobs/{job}") for desk in ("", "/done", "/small")]
            page = next(page.text for page in pages if page.is_success)
            self._words[job] = set(re.findall(r"\w{3,}", page.split("<title>")[1].split("·")[0]))
        return self._words[job]


@contextmanager
def preview() -> Iterator[str]:
    """The page with its sample jobs, without any service."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    server = subprocess.Popen(
        ["go", "test", "-timeout", "0", "-count", "1", "-run", "TestPreview", "./internal/pages"],
        cwd=PREVIEW, env=os.environ | {"PAGES_PREVIEW": address}, start_new_session=True,
    )  # fmt: skip
    try:
        until(lambda: server.poll() is not None or answers(f"http://{address}/"), 180, "the preview answers")
        if server.poll() is not None:
            raise RuntimeError("the preview did not start")
        yield f"http://{address}"
    finally:
        os.killpg(server.pid, 15)
        server.wait()


def answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


def shoot(browser: Browser, url: str, shot: Shot, size: ViewportSize, scheme: str, darkroom: Darkroom) -> None:
    context = browser.new_context(
        base_url=url, viewport=size, color_scheme=scheme, reduced_motion="reduce",  # type: ignore[arg-type]
        timezone_id="Europe/Berlin", is_mobile=size is PHONE, has_touch=size is PHONE, device_scale_factor=2 if size is PHONE else 1,
    )  # fmt: skip
    page = context.new_page()
    page.route("**/v1/jobs/*/*", darkroom.draw)
    page.route("**/v1/jobs/*/images/*", darkroom.draw)
    names = httpx.get(f"{url}/names").json()
    page.goto(shot.path.format(**names))
    page.wait_for_load_state("networkidle")
    shot.do(page)
    page.screenshot(path=FOLDER / f"{shot.name}-{size['width']}-{scheme}.png", full_page=shot.whole)
    context.close()


def main(wanted: list[str]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with preview() as url, sync_playwright() as driver:
        darkroom = Darkroom(url)
        browser = driver.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=CHROMIUM_OPTIONS
        )
        for shot in SHOTS:
            if wanted and shot.name not in wanted:
                continue
            for size in shot.sizes:
                for scheme in shot.schemes:
                    shoot(browser, url, shot, size, scheme, darkroom)
        browser.close()
    print(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER.relative_to(ROOT)}")


if __name__ == "__main__":
    main(sys.argv[1:])
