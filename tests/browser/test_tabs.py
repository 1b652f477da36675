"""One person, several tabs, and the buttons of the browser itself."""

from playwright.sync_api import Page, expect

from browser.studio import LONG, expect_picture, expect_state, take


def test_two_tabs_of_one_person_tell_the_same(tab: Page) -> None:
    other = tab.context.new_page()
    running = take(tab, "a blue chair", steps=LONG)
    other.goto("/")
    mirrored = other.locator(f"#{running.get_attribute('id')}")
    expect_state(mirrored, "running")
    mirrored.get_by_role("button", name="Cancel").click()
    expect_state(mirrored, "canceled")
    expect_state(running, "canceled")  # by its own poll

    running = take(tab, "a red chair", steps=LONG)
    other.reload()
    other.locator(f"#{running.get_attribute('id')} .words a").click()  # the job's own page, live
    expect(other.locator(".sheet progress")).to_be_visible()
    other.request.delete(str(running.get_attribute("id")).replace("job-", "/v1/jobs/"))
    expect(running.locator(".tell")).to_contain_text("Gone")
    expect(other.locator(".sheet .tell")).to_contain_text("Gone")
    assert running.get_attribute("hx-trigger") is None
    running.get_by_role("button", name="Clear from roll").click()
    expect(tab.locator("#roll > .card")).to_have_count(1)


def test_the_back_button_finds_the_new_pictures_and_the_words(tab: Page) -> None:
    card = take(tab, "a green box")
    expect_picture(card)
    tab.locator("#words").fill("words that I am still writing")
    card.locator(".words a").click()
    expect(tab.locator("h1")).to_have_text("a green box")
    tab.go_back()
    expect(tab.locator("#roll > .card")).to_have_count(1)
    expect(tab.locator("#words")).to_have_value("words that I am still writing")
    expect(tab.locator("#count")).to_have_text("1 picture")
    tab.go_forward()
    expect(tab.locator("h1")).to_have_text("a green box")
    tab.get_by_role("link", name="Status").click()
    tab.get_by_role("link", name="Studio").click()
    expect(tab.locator("#words")).to_have_value("words that I am still writing")


def test_a_reload_in_mid_job_finds_it_again(tab: Page) -> None:
    card = take(tab, "a red enamel mug", steps=LONG)
    expect_state(card, "running")
    tab.reload()
    expect(card).to_have_attribute("hx-swap", "outerMorph")
    expect_picture(card)
