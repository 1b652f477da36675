"""For everybody: by keyboard alone, with a screen reader, without motion, without script."""

from playwright.sync_api import Page, expect

from browser.access import barriers
from browser.conftest import NewTab, Watch
from browser.studio import LONG, ended, expect_picture, expect_state, submit, take


def focus(page: Page, selector: str) -> None:
    """Presses Tab until the element has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
            return
    raise AssertionError(f"{selector} cannot be reached by Tab")


def test_what_opens_on_a_page_and_the_api_can_be_read_by_everyone(tab: Page, watch: Watch) -> None:
    assert barriers(tab) == [], "first visit"
    four = submit(tab, prompt="four mugs " * 60, n=4, steps=1)
    failed = submit(tab, product="a black hole", metadata={"fault": "black"})
    ended(tab, four), ended(tab, failed)
    tab.reload()
    take(tab, "a brown vase", steps=LONG).get_by_role("button", name="Cancel").click()
    expect_state(tab.locator("#roll > .card").first, "canceled")
    done = take(tab, "a purple bowl")
    expect_picture(done)
    running = take(tab, "a steel kettle", steps=LONG)
    expect_state(running, "running")
    tab.locator("#steps").fill("900")
    tab.locator("[data-main]").click()
    expect(tab.locator("#error-steps")).to_be_visible()
    done.get_by_label("Pick").check()
    done.locator(".menu summary").click()
    assert barriers(tab) == [], "roll, field error, picked, menu open"
    done.get_by_role("link", name="Delete…").click()
    expect(tab.locator("#ask")).to_be_visible()
    assert barriers(tab) == [], "dialog"
    tab.goto("/docs")
    expect(tab.locator("#swagger-ui")).to_contain_text("/v1/jobs/{id}/cancel", timeout=20_000)
    assert barriers(tab) == [], "docs"
    tab.get_by_role("link", name="Studio").click()
    expect(tab.locator("#bench")).to_be_visible()
    watch.expects_outages = True  # Chromium writes a 404 and a 400 to the console
    assert tab.goto("/?cursor=junk").status == 400  # type: ignore[union-attr]
    expect(tab.locator("h1")).to_have_text("Not done")
    tab.goto("/no/such/page")
    expect(tab.locator("h1")).to_have_text("No such page")
    assert barriers(tab) == [], "no such page"


def test_the_keyboard_alone_takes_changes_cancels_and_deletes(tab: Page) -> None:
    tab.keyboard.press("Tab")
    expect(tab.get_by_role("link", name="Skip to the pictures")).to_be_focused()
    focus(tab, "#words")
    tab.keyboard.type("a wooden chair")
    focus(tab, "[name=look]")
    tab.keyboard.press("ArrowRight")
    expect(tab.locator("[name=look]:checked")).to_have_value("lifestyle")
    focus(tab, "#fine")
    tab.keyboard.press("Space")
    focus(tab, "#model")
    tab.keyboard.type("Simulated")
    expect(tab.locator("#scheduler")).to_have_value("simulated")
    focus(tab, "#steps")
    tab.keyboard.press("Control+A")
    tab.keyboard.type(str(LONG))
    focus(tab, "[data-main]")
    tab.keyboard.press("Enter")
    card = tab.locator("#roll > .card").first
    expect_state(card, "running")
    focus(tab, ".cancel button")
    tab.keyboard.press("Enter")
    expect_state(card, "canceled")
    focus(tab, ".menu summary")
    tab.keyboard.press("Enter")
    tab.keyboard.press("Escape")
    expect(card.locator(".menu ul")).to_be_hidden()
    expect(card.locator(".menu summary")).to_be_focused()
    tab.keyboard.press("Enter")
    focus(tab, "[data-delete]")
    tab.keyboard.press("Enter")
    expect(tab.locator("#ask")).to_be_visible()
    tab.keyboard.press("Escape")
    expect(tab.locator("#ask")).to_be_hidden()
    expect(card).to_be_visible()


def test_a_screen_reader_hears_states_and_quarters_not_every_step(tab: Page) -> None:
    tab.evaluate("""() => {
      window.heard = new Set();
      new MutationObserver(() => {
        const live = document.querySelector('#roll > .card [aria-live=polite]');
        if (live) window.heard.add(live.textContent);
      }).observe(document.querySelector('#roll'), {subtree: true, childList: true, characterData: true});
    }""")
    card = take(tab, "a yellow box", steps=LONG)
    expect_picture(card)
    heard = tab.evaluate("[...window.heard]")
    assert heard[-1] == "Ready"
    assert len(heard) <= 9, heard  # next, loading, starting, five quarters, finishing, ready: never one a step
    assert any("done" in said for said in heard), heard


def test_nothing_moves_for_those_who_want_no_motion(new_tab: NewTab) -> None:
    moving = "() => document.getAnimations().length"
    still = new_tab(reduced_motion="reduce")
    still.goto("/")
    card = take(still, "a red lamp", steps=LONG)
    expect_state(card, "running")
    expect(card.locator("progress")).to_be_visible()
    assert still.evaluate(moving) == 0
    assert still.locator("[data-main]").evaluate("button => getComputedStyle(button).transitionDuration") == "0s"
    still.emulate_media(reduced_motion="no-preference")
    assert still.locator("[data-main]").evaluate("button => getComputedStyle(button).transitionDuration") == "0.12s"


def test_without_script_everything_works(new_tab: NewTab, watch: Watch) -> None:
    watch.expects_outages = True  # Chromium writes the 400 of a wrong number to the console
    tab = new_tab(java_script_enabled=False)
    tab.goto("/")
    tab.locator("#words").fill("a pink table lamp")
    tab.locator(".fold").click()
    tab.locator("#model").select_option("simulated")
    tab.get_by_role("button", name="Show this model's settings").click()
    tab.locator("#steps").fill("900")
    tab.get_by_role("button", name="Take the picture").click()
    expect(tab.locator("#error-steps")).to_have_text("Between 1 and 100 for Simulated. Nothing was submitted.")
    tab.locator("#steps").fill("40")
    tab.get_by_role("button", name="Take the picture").click()
    expect(tab.locator("h1")).to_have_text("a pink table lamp")
    # The page loads itself again until the picture is there.
    expect(tab.locator(".sheet")).to_have_attribute("data-state", "succeeded", timeout=30_000)
    expect(tab.locator(".print img")).to_be_visible()
    tab.get_by_role("button", name="Vary with a new seed").click()
    expect(tab.locator(".sheet")).to_have_attribute("data-state", "succeeded", timeout=30_000)
    tab.get_by_role("link", name="Compare with…").click()
    expect(tab.locator(".pick :checked")).to_have_count(1)
    tab.locator("#roll > .card").nth(1).get_by_label("Pick").check()
    tab.get_by_role("button", name="Compare").click()
    expect(tab.locator(".differ")).to_contain_text("Seed")
    tab.get_by_role("link", name="Your roll").click()
    tab.locator("#words").fill("a long one")
    tab.locator("#roll > .card").first.locator(".words a").click()
    tab.get_by_role("link", name="Reuse settings").click()
    tab.locator("#steps").fill(str(LONG))
    tab.get_by_role("button", name="Take the picture").click()
    tab.get_by_role("button", name="Cancel").click()
    expect(tab.locator(".sheet")).to_have_attribute("data-state", "canceled", timeout=30_000)
    tab.get_by_role("link", name="Delete").click()
    tab.get_by_role("button", name="Delete").click()
    expect(tab.locator("#roll > .card")).to_have_count(2)
