"""What a person does at the studio, in the words of the tests."""

from typing import Any

from playwright.sync_api import Locator, Page, expect

from system.wait import until

# The simulated model takes 50 ms a step: 100 steps leave five seconds to look at a running job.
LONG, SHORT = 100, 3
PATIENCE = 30_000  # ms until a picture is there, on a busy machine


def choose_simulated(page: Page, steps: int = SHORT) -> None:
    if not page.locator("#model").is_visible():
        if page.locator(".summary").is_visible():
            page.locator(".summary").click()
        page.locator(".fold").click()
    if page.locator("#model").input_value() != "simulated":
        page.locator("#model").select_option("simulated")
        expect(page.locator("#scheduler")).to_have_value("simulated")  # the bench now has this model's choices
    page.locator("#steps").fill(str(steps))


def take(page: Page, words: str, steps: int = SHORT, shown: str = "") -> Locator:
    """Takes a simulated picture and answers its card, found again by its id as it changes. `shown`: what it shows of many words."""
    choose_simulated(page, steps)
    page.locator("#words").fill(words)
    before = page.locator("#roll > .card").count()
    page.locator("#words").press("Control+Enter")
    expect(page.locator("#roll > .card")).to_have_count(before + 1)
    card = page.locator(f"#{page.locator('#roll > .card').first.get_attribute('id')}")
    expect(card.locator(".words")).to_contain_text(shown or words)
    return card


def expect_state(card: Locator, state: str) -> None:
    expect(card).to_have_attribute("data-state", state, timeout=PATIENCE)


def expect_picture(card: Locator) -> None:
    """The stored picture is shown, whole and loaded; and the card asks no more."""
    expect_state(card, "succeeded")
    picture = card.locator("img").first
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("img => img.naturalWidth") > 0
    assert card.get_attribute("hx-trigger") is None


def submit(page: Page, **request: Any) -> dict[str, Any]:
    """Submits over the API as the same person: with metadata, which the page does not offer."""
    request = {"model": "simulated", "steps": SHORT, **request}
    answer = page.request.post("/v1/jobs", data=request)
    assert answer.status == 202, answer.text()
    job: dict[str, Any] = answer.json()
    return job


def ended(page: Page, job: dict[str, Any]) -> dict[str, Any]:
    """Waits over the API until the job has ended, and answers it."""
    return until(lambda: final(page, job["id"]), PATIENCE / 1000, f"job {job['id']} has ended")


def final(page: Page, job: str) -> dict[str, Any]:
    found: dict[str, Any] = page.request.get(f"/v1/jobs/{job}").json()
    return found if found["status"] not in ("queued", "running") else {}
