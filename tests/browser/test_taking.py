"""From words to a picture, and everything that can happen on the way."""

import re

from playwright.sync_api import Page, expect

from browser.studio import LONG, choose_simulated, expect_picture, expect_state, submit, take

# Every progress value and preview that a card showed, in order.
REMEMBER_PROGRESS = """() => {
  window.shown = {values: [], previews: new Set()};
  const look = () => {
    const value = document.querySelector('#roll > .card:first-child progress')?.value;
    const preview = document.querySelector('#roll > .card:first-child img[src*="preview"]')?.src;
    if (value !== undefined && value !== window.shown.values.at(-1)) window.shown.values.push(value);
    if (preview) window.shown.previews.add(preview);
  };
  new MutationObserver(look).observe(document.querySelector('#roll'), {subtree: true, childList: true, attributes: true});
}"""


def test_a_picture_develops_before_my_eyes(tab: Page) -> None:
    tab.evaluate(REMEMBER_PROGRESS)
    card = take(tab, "a green glass bottle", steps=LONG)
    expect(tab.locator("#words")).to_be_focused()
    expect_picture(card)
    values = tab.evaluate("window.shown.values")
    assert len(values) >= 3, f"progress was seen at {values}"
    assert values == sorted(values), f"progress went back: {values}"
    assert tab.evaluate("window.shown.previews.size") >= 1
    expect(card.locator(".flag")).to_have_text("Simulated")
    expect(card.locator(".facts .right")).to_contain_text(f"{LONG} steps · seed")
    expect(tab.locator("#count")).to_have_text("1 picture")


def test_four_pictures_lie_on_one_contact_sheet(tab: Page) -> None:
    tab.locator(".choice", has_text="4").click()
    choose_simulated(tab)
    tab.locator(".choice", has_text="4").click()
    card = take(tab, "a glazed ceramic vase")
    expect_picture(card)
    expect(card.locator(".proofs img")).to_have_count(4)


def test_a_job_has_a_page_of_its_own_that_follows_it(tab: Page) -> None:
    take(tab, "a blue chair", steps=LONG).locator(".words a").click()
    expect(tab.locator(".sheet progress")).to_be_visible()
    expect(tab.locator(".sheet")).to_have_attribute("data-state", "succeeded", timeout=30_000)
    expect(tab.locator(".sheet .print img")).to_have_js_property("complete", True)
    expect(tab.locator(".receipt")).to_contain_text("Developed")
    expect(tab.locator("pre.curl")).to_contain_text('"product": "a blue chair"')
    with tab.expect_download() as download:
        tab.get_by_role("link", name="Save").click()
    assert download.value.suggested_filename.endswith(".png")


def test_a_running_picture_is_canceled_and_asks_no_more(tab: Page) -> None:
    card = take(tab, "a yellow chair on black", steps=LONG)
    expect_state(card, "running")
    card.get_by_role("button", name="Cancel").click()
    expect_state(card, "canceled")
    expect(card).not_to_have_attribute("hx-trigger", re.compile("every"))
    expect(card.locator(".tell")).to_contain_text("You stopped this")
    card.get_by_role("button", name="Take it again").click()
    again = tab.locator("#roll > .card").first
    expect(again.locator(".words")).to_have_text("A yellow chair on black", ignore_case=True)
    again.get_by_role("button", name="Cancel").click()
    expect_state(again, "canceled")
    expect(tab.locator("#roll > .card")).to_have_count(2)


def test_a_failure_says_what_happened_and_what_to_do(tab: Page) -> None:
    submit(tab, product="a black hole", metadata={"fault": "black"})
    tab.reload()
    card = tab.locator("#roll > .card").first
    expect_state(card, "failed")
    expect(card.locator(".tell")).to_contain_text("The picture came out empty, twice.")
    expect(card.locator(".tell")).to_contain_text("Try another seed.")
    expect(card.locator(".facts")).to_contain_text("bad_output")


def test_a_wrong_number_is_told_at_its_field_and_nothing_is_submitted(tab: Page) -> None:
    choose_simulated(tab, steps=900)
    tab.locator("#words").fill("a steel kettle")
    tab.get_by_role("button", name="Take the picture").click()
    expect(tab.locator("#error-steps")).to_have_text("Between 1 and 100 for Simulated. Nothing was submitted.")
    expect(tab.locator("#steps")).to_have_value("900")
    expect(tab.locator("#steps")).to_be_focused()
    expect(tab.locator("#words")).to_have_value("a steel kettle")
    expect(tab.locator("#roll > .card")).to_have_count(0)


def test_a_words_field_that_was_pulled_larger_breaks_no_policy(tab: Page) -> None:
    tab.locator("#words").evaluate("field => { field.style.height = '200px'; }")  # what a browser does for the handle
    take(tab, "a tall order")


def test_all_that_was_chosen_is_asked_for_and_a_locked_seed_stays(tab: Page) -> None:
    choose_simulated(tab, steps=4)
    tab.get_by_label("Lifestyle").check(force=True)
    tab.get_by_label("Portrait").check(force=True)
    tab.locator("[name=n][value='2']").check(force=True)
    tab.locator("#keep-out").fill("people")
    tab.get_by_role("button", name="Draw a seed").click()
    seed = tab.locator("#seed").input_value()
    assert 0 <= int(seed) < 2**32
    tab.get_by_role("button", name="Draw a seed").click()
    expect(tab.locator("#seed")).not_to_have_value(seed)
    seed = tab.locator("#seed").input_value()
    tab.get_by_label("Keep this seed for the next picture").check(force=True)
    card = take(tab, "a tall vase", steps=4)
    job = tab.request.get(str(card.get_attribute("id")).replace("job-", "/v1/jobs/")).json()
    assert job["input"] | {"guidance_scale": None} == {
        "model": "simulated", "product": "a tall vase", "preset": "lifestyle", "negative_prompt": "people", "width": 512, "height": 768,
        "steps": 4, "guidance_scale": None, "scheduler": "simulated", "seed": int(seed), "n": 2,
    }  # fmt: skip
    expect(tab.locator("#seed")).to_have_value(seed)
    tab.get_by_label("Keep this seed for the next picture").uncheck(force=True)
    take(tab, "a small vase", steps=4)
    expect(tab.locator("#seed")).to_have_value("")


def test_the_strip_and_the_lamp_follow_the_work(tab: Page) -> None:
    strip = tab.locator("#strip")
    expect(strip).to_contain_text("1 worker")
    card = take(tab, "a slow cooker", steps=LONG)
    expect(strip).to_contain_text("Simulated is warm", timeout=15_000)
    expect(strip).to_have_attribute("data-lit", "", timeout=15_000)
    card.get_by_role("button", name="Cancel").click()
    expect(strip).not_to_have_attribute("data-lit", "", timeout=15_000)
    expect(strip).to_contain_text("nobody in line")
