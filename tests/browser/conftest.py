"""A real Chromium in front of a whole Darkroom of its own, with the shipped catalogue and the simulated model at work."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from system.stack import ROOT, Stack

OFFSET = int(os.environ.get("TEST_PORT_OFFSET", "3000")) + 200
DESKTOP = {"width": 1440, "height": 1000}
PHONE = {"width": 360, "height": 780}
QUEUE_LIMIT = 100  # waiting jobs: a roll of a hundred fills the line

# The sandbox needs what a container or root seldom has, and the pages are our own; a drawn-in-software GPU costs more than none.
CHROMIUM_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

NewTab = Callable[..., Page]


@pytest.fixture(scope="session")
def running_studio() -> Iterator[Stack | None]:
    """Brought up for these tests; None where STUDIO_URL names one that runs already, in test mode."""
    if os.environ.get("STUDIO_URL"):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="darkroom-browser-") as folder:
        catalogue = str(ROOT / "deploy" / "models.yaml")
        stack = Stack(
            Path(folder), OFFSET, gateways=1, workers=1, MODELS_FILE=catalogue, WORKER_MODELS="simulated",
            GATEWAY_QUEUE_LIMIT=str(QUEUE_LIMIT), GATEWAY_OWNER_LIMIT="0",
        )  # fmt: skip
        try:
            stack.up()
            stack.until_ready()
            yield stack
        finally:
            stack.down()


@pytest.fixture(scope="session")
def studio_url(running_studio: Stack | None) -> str:
    return running_studio.gateways[0] if running_studio else os.environ["STUDIO_URL"]


@pytest.fixture
def studio(running_studio: Stack | None) -> Iterator[Stack]:
    """The stack itself, to be broken. Whatever the test broke is mended."""
    if running_studio is None:
        pytest.skip("a stack that runs already is not broken")
    yield running_studio
    running_studio.proxy.mend()
    running_studio.until_ready()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    binary = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if binary is None:
        if os.environ.get("CI"):
            pytest.fail("chromium is not installed: apt-get install chromium")
        pytest.skip("chromium is not installed")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=binary, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


class Watch:
    """What a page must never do: write an error to the console, break its own content policy, ask another host."""

    def __init__(self, studio_url: str) -> None:
        self._studio_url = studio_url
        self.complaints: list[str] = []
        self.expects_outages = False  # a browser itself reports each request that got no answer, or a 4xx or 5xx

    def console(self, message: ConsoleMessage) -> None:
        if message.type != "error" and "Content Security Policy" not in message.text:
            return
        away = "Failed to load resource" in message.text or "htmx:error" in message.text
        if not (away and self.expects_outages):
            self.complaints.append(f"console: {message.text}")

    def request(self, request: Request) -> None:
        if not request.url.startswith((self._studio_url + "/", "blob:" + self._studio_url)):
            self.complaints.append(f"request to {request.url}")

    def follow(self, page: Page) -> None:
        page.on("console", self.console)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("request", self.request)


@pytest.fixture
def watch(studio_url: str) -> Iterator[Watch]:
    watching = Watch(studio_url)
    yield watching
    assert watching.complaints == []


@pytest.fixture
def new_tab(chromium: Browser, studio_url: str, watch: Watch) -> Iterator[NewTab]:
    """Opens tabs of new people: nobody sees another's pictures. Options go to the browser's context."""
    contexts: list[BrowserContext] = []

    def open_tab(**options: object) -> Page:
        contexts.append(chromium.new_context(**{"base_url": studio_url, "viewport": DESKTOP, **options}))  # type: ignore[arg-type]
        contexts[-1].on("page", watch.follow)
        return contexts[-1].new_page()

    yield open_tab
    for context in contexts:
        context.close()


@pytest.fixture
def tab(new_tab: NewTab) -> Page:
    """A desktop tab on an empty studio."""
    page = new_tab()
    page.goto("/")
    return page
