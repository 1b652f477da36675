"""How the page looks and weighs, for every eye, screen and reader."""

import socket
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import PHONE, NewTab
from browser.studio import LONG, expect_picture, submit, take
from system.stack import Stack


@pytest.mark.parametrize(("scheme", "room"), [("light", "rgb(239, 239, 238)"), ("dark", "rgb(20, 20, 20)")])
def test_the_room_is_light_or_dark_as_the_reader_likes(new_tab: NewTab, scheme: str, room: str) -> None:
    tab = new_tab(color_scheme=scheme)
    tab.goto("/")
    assert tab.locator("body").evaluate("body => getComputedStyle(body).backgroundColor") == room


def test_a_phone_folds_the_settings_and_shows_the_newest_picture_at_once(new_tab: NewTab) -> None:
    tab = new_tab(viewport=PHONE, has_touch=True, is_mobile=True)
    tab.goto("/")
    card = take(tab, "a green glass bottle")
    expect_picture(card)
    tab.reload()
    expect(tab.locator(".look")).to_be_hidden()
    box = card.locator(".frame").bounding_box()
    assert box is not None
    assert box["y"] < PHONE["height"] - 100, "the newest picture must begin on the first screen"
    tab.locator(".summary").click()
    expect(tab.locator(".look")).to_be_visible()


def test_nothing_moves_while_a_picture_develops(tab: Page) -> None:
    card = take(tab, "a pink table lamp", steps=LONG)  # from here on nobody touches anything
    tab.evaluate("""() => {
      window.shift = 0;
      new PerformanceObserver((list) => { for (const e of list.getEntries()) window.shift += e.value; })
        .observe({type: 'layout-shift', buffered: false});
    }""")
    box = card.locator(".frame").bounding_box()
    expect_picture(card)
    assert card.locator(".frame").bounding_box() == box
    assert tab.evaluate("window.shift") < 0.01  # sentences that grow inside their own box


def test_the_first_visit_is_light(new_tab: NewTab, studio_url: str) -> None:
    tab = new_tab()
    sizes: dict[str, int] = {}
    tab.on("requestfinished", lambda request: sizes.update({request.url: request.sizes()["responseBodySize"]}))
    tab.goto("/", wait_until="networkidle")
    icon = tab.locator("link[rel=icon]").get_attribute("href")
    loaded = {
        url: size for url, size in sizes.items() if url != f"{studio_url}{icon}"
    }  # the browser's own, when it likes
    assert len(loaded) <= 6, loaded.keys()
    assert sum(loaded.values()) <= 150_000, loaded
    for url in loaded:
        if url != f"{studio_url}/":
            headers = tab.request.get(url).headers
            assert headers["cache-control"] == "public, max-age=31536000, immutable", url
    example = tab.locator(".samples a").first
    words = example.inner_text()
    example.click()
    expect(tab.locator("#words")).to_have_value(words)
    expect(tab.locator("#roll > .card")).to_have_count(0)  # it fills in, and takes nothing


def test_an_unchanged_card_costs_300_bytes_at_most(tab: Page, studio: Stack) -> None:
    frozen = studio.freeze("worker-0")
    try:
        job = submit(tab, product="a patient mug")
        card = f"/jobs/{job['id']}/card"
        host = urlsplit(tab.url).netloc
        cookie = "; ".join(f"{c['name']}={c['value']}" for c in tab.context.cookies())
        tag = tab.request.get(card).headers["etag"]
        with socket.create_connection(host.split(":")) as line:  # type: ignore[arg-type]
            line.sendall(
                f"GET {card} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nIf-None-Match: {tag}\r\nConnection: close\r\n\r\n".encode()
            )
            answer = b"".join(iter(lambda: line.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 304 "), answer
        assert len(answer) <= 300, answer
        tab.request.post(f"/v1/jobs/{job['id']}/cancel")
    finally:
        studio.thaw(frozen)
