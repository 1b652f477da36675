"""Every page in every state that it can have, shown with sample jobs: for every eye, hand, screen and browser."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from browser.access import barriers
from browser.conftest import DESKTOP, PHONE
from browser.screenshots import preview

PAGES = (
    "/",  # a card in every state
    "/done/",
    "/small/",
    "/empty/",
    "/away/",
    "/jobs/{succeeded}",
    "/jobs/{four}",
    "/jobs/{running}",
    "/jobs/{queued}",
    "/jobs/{no_worker}",
    "/jobs/{retry}",
    "/jobs/{loading}",
    "/jobs/{recovering}",
    "/jobs/{failed}",
    "/jobs/{canceled}",
    "/jobs/{expired}",
    "/jobs/{succeeded}/delete",
    "/jobs/nobody",
    "/?cursor=junk",
    "/compare?pick={succeeded}&pick={other}",
    "/compare?pick={succeeded}",
    "/status",
)
ON_A_PHONE = (
    "/",
    "/empty/",
    "/jobs/{four}",
    "/compare?pick={succeeded}&pick={other}",
    "/status",
)  # laid out anew there
WIDTHS = (320, 360, 481, 700, 861, 1181, 1440, 1920)

# Presses of Tab that it takes to come round, and what is in focus: its ring may be on what stands for it (the face of a radio).
FOCUSED = """() => {
  const it = document.activeElement;
  const rings = [it, it.closest('label'), ...it.parentElement.children].filter(Boolean);
  return {
    place: [...document.querySelectorAll('*')].indexOf(it),
    tag: it.tagName,
    name: it.tagName + ' ' + (it.name || it.textContent.trim().slice(0, 30)),
    ring: rings.some(e => getComputedStyle(e).outlineStyle !== 'none' && parseFloat(getComputedStyle(e).outlineWidth) >= 2),
    seen: (box => box.bottom > 0 && box.top < innerHeight)((it.closest('label') ?? it).getBoundingClientRect()),
  };
}"""
# All that can be pressed, typed or chosen; of a group of radio buttons the chosen one.
CONTROLS = """() => {
  const all = [...document.querySelectorAll('*')];
  const inputs = 'input:not([type=hidden], [type=radio]), input[type=radio]:checked, select, textarea';
  const wanted = inputs + ', a[href], button:not(:disabled), summary, [tabindex="0"]';
  return [...document.querySelectorAll(wanted)].filter(e => e.checkVisibility({visibilityProperty: true})).map(e => all.indexOf(e));
}"""


@pytest.fixture(scope="module")
def everywhere() -> Iterator[tuple[str, dict[str, str]]]:
    """The address of the sample pages, and the ids of their jobs by state."""
    with preview() as url:
        yield url, httpx.get(f"{url}/names").json()


def amiss(said: ConsoleMessage) -> bool:
    """An error, or a breach of the content policy. The pages that answer 4xx or 5xx on purpose are reported by Chromium itself."""
    return "Policy" in said.text or (said.type == "error" and "Failed to load resource" not in said.text)


@pytest.fixture
def open_page(chromium: Browser, everywhere: tuple[str, dict[str, str]]) -> Iterator[object]:
    url, names = everywhere
    contexts, complaints = [], []

    def opened(**options: object) -> Iterator[tuple[str, Page]]:
        contexts.append(chromium.new_context(base_url=url, **options))  # type: ignore[arg-type]
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda said: complaints.append(f"{page.url}: {said.text}") if amiss(said) else None)
        page.on("request", lambda asked: complaints.append(asked.url) if not asked.url.startswith(url) else None)
        for path in PAGES:
            page.goto(path.format(**names), wait_until="domcontentloaded")
            yield path, page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def test_no_barrier_on_any_page_in_any_state(open_page) -> None:  # type: ignore[no-untyped-def]
    for path, page in open_page(viewport=DESKTOP):
        assert barriers(page) == [], path


def test_no_barrier_on_a_phone(open_page) -> None:  # type: ignore[no-untyped-def]
    for path, page in open_page(viewport=PHONE):
        if path in ON_A_PHONE:
            assert barriers(page) == [], path


def test_every_control_is_reached_by_tab_and_shows_that_it_is(open_page) -> None:  # type: ignore[no-untyped-def]
    for path, page in open_page(viewport=DESKTOP, reduced_motion="reduce"):
        if page.locator(".fold").count():
            page.locator(".fold").click()
        controls = set(page.evaluate(CONTROLS))
        page.evaluate("document.activeElement.blur(); getSelection().collapse(document.body, 0)")
        reached = set()
        for _ in range(len(controls) + 10):
            page.keyboard.press("Tab")
            focused = page.evaluate(FOCUSED)
            if focused["tag"] == "BODY":  # past the last control, before the first
                continue
            if focused["place"] in reached:
                break
            reached.add(focused["place"])
            assert focused["ring"], f"{path}: {focused['name']} does not show its focus"
            assert focused["seen"], f"{path}: {focused['name']} is out of sight in focus"
        assert controls <= reached, f"{path}: {len(controls - reached)} of {len(controls)} are out of reach"


def test_nothing_moves_anywhere_for_those_who_want_no_motion(open_page) -> None:  # type: ignore[no-untyped-def]
    moving = "document.getAnimations().length"
    for path, page in open_page(reduced_motion="reduce"):
        assert page.evaluate(moving) == 0, path
    _, every_state = next(open_page(reduced_motion="no-preference"))
    assert every_state.evaluate(moving) > 0, "the lamp of a model that is being loaded breathes"


def test_nothing_hangs_over_the_edge_at_any_width(open_page) -> None:  # type: ignore[no-untyped-def]
    for path, page in open_page():
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert over <= 0, f"{path} is {over} px too wide at {width}"


def test_every_page_says_the_same_without_script(open_page) -> None:  # type: ignore[no-untyped-def]
    said = {}
    for script in (True, False):
        for path, page in open_page(java_script_enabled=script, timezone_id="UTC"):
            page.locator("main").wait_for()
            if not script:
                assert page.locator(".needs-script:visible").count() == 0, f"{path}: a control that does nothing"
            said[path, script] = page.locator(
                "main :is(h1, .words, .tell, .facts, .pairs, dl, .table th)"
            ).all_inner_texts()
    for path in PAGES:
        if path != "/status":  # it counts seconds
            assert said[path, False] == said[path, True], path


def test_no_page_shifts_while_it_loads(open_page) -> None:  # type: ignore[no-untyped-def]
    for path, page in open_page(viewport=DESKTOP):
        page.wait_for_load_state("load")
        shift = page.evaluate("""() => new Promise((done) => {
          let sum = 0;
          const add = (list) => { for (const entry of list.getEntries()) sum += entry.value; };
          new PerformanceObserver(add).observe({type: 'layout-shift', buffered: true});
          requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(sum), 50)));
        })""")
        assert shift < 0.01, f"{path} moves by {shift}"
