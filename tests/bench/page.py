"""What the page weighs and how fast it shows, measured in a real Chromium.

`make bench-page` serves every page with its sample jobs and without any service, opens each with an empty cache and again
with a full one, and prints one table. Bytes are those on the wire, headers included, as the browser counts them; first
contentful paint is that of the runs; layout shift is the sum of all shifts in the two seconds after the load.
"""

from __future__ import annotations

import argparse
import socket
import statistics
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from browser.conftest import CHROMIUM_OPTIONS, DESKTOP, PHONE
from browser.screenshots import preview

PAGES = {
    "first visit": "/empty/",
    "roll with every state": "/",
    "one job, done": "/jobs/{succeeded}",
    "compare": "/compare?pick={succeeded}&pick={other}",
    "status": "/status",
    "API": "/docs",
}
SHIFTS = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN"
WATCH = """
  window.shift = 0;
  new PerformanceObserver((list) => { for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value; })
    .observe({type: 'layout-shift', buffered: true});
"""


@dataclass(frozen=True)
class Visit:
    requests: int
    sent: int  # bytes from the server
    paint: float  # ms from the start of the navigation
    shift: float


def visit(page: Page, url: str) -> Visit:
    wire = page.context.new_cdp_session(page)
    sizes: list[int] = []
    own: set[str] = set()  # pictures of jobs are the user's, not the page's
    wire.on(
        "Network.requestWillBeSent",
        lambda sent: own.add(sent["requestId"]) if "/v1/jobs/" not in sent["request"]["url"] else None,
    )
    wire.on(
        "Network.loadingFinished",
        lambda done: sizes.append(int(done["encodedDataLength"])) if done["requestId"] in own else None,
    )
    wire.send("Network.enable")
    page.goto(url, wait_until="networkidle")
    page.wait_for_timeout(2000)
    seen = Visit(sum(size > 0 for size in sizes), sum(sizes), page.evaluate(SHIFTS), page.evaluate("window.shift"))
    wire.detach()
    return seen


def opened(browser: Browser, size: dict[str, int]) -> BrowserContext:
    context = browser.new_context(viewport=size)  # type: ignore[arg-type]
    context.add_init_script(WATCH)
    return context


def unchanged_poll(url: str, path: str) -> int:
    """Bytes of the whole answer to a poll of a card that has not changed."""
    tag = httpx.get(url + path).headers["ETag"]
    address = urlsplit(url)
    with socket.create_connection((str(address.hostname), int(address.port or 80))) as line:
        line.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\nIf-None-Match: {tag}\r\nConnection: close\r\n\r\n".encode()
        )
        answer = b"".join(iter(lambda: line.recv(4096), b""))
    if not answer.startswith(b"HTTP/1.1 304 "):
        raise SystemExit(f"the card changed: {answer[:80]!r}")
    return len(answer)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=5)
    runs = options.parse_args().runs
    with preview() as url, sync_playwright() as driver:
        names = httpx.get(f"{url}/names").json()
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_OPTIONS)
        print(
            "| page | screen | requests | transferred, first | transferred, again | first paint, median (best) | layout shift |"
        )
        print("|---|---|---|---|---|---|---|")
        for name, path in PAGES.items():
            for screen, size in (("desktop", DESKTOP), ("phone", PHONE)):
                first, again = [], []
                for _ in range(runs):
                    context = opened(browser, size)
                    page = context.new_page()
                    first.append(visit(page, url + path.format(**names)))
                    again.append(visit(page, url + path.format(**names)))
                    context.close()
                paints = [seen.paint for seen in first]
                shift = max(seen.shift for seen in first)
                print(
                    f"| {name} | {screen} | {first[0].requests} | {first[0].sent / 1000:.1f} kB | {again[0].sent / 1000:.1f} kB "
                    f"| {statistics.median(paints):.0f} ms ({min(paints):.0f}) | {shift:.4f} |"
                )
        print(
            f"\nA poll of an unchanged card: {unchanged_poll(url, '/jobs/' + names['queued'] + '/card')} bytes, headers included."
        )
        browser.close()


if __name__ == "__main__":
    main()
