"""Whatever somebody writes stays what they wrote."""

import pytest
from playwright.sync_api import Page, expect

from browser.studio import expect_picture, take

CODE = "<script>document.title='caught'</script><img src=x onerror=alert(1)> & \"mug\" {{.}} %s"
SCRIPTS = {
    "code": CODE,
    "Arabic": "إبريق شاي أبيض على طاولة",
    "Chinese": "一个绿色的玻璃瓶",
    "emoji": "a mug 🫖👩🏽‍🎨 and a flag 🏴󠁧󠁢󠁷󠁬󠁳󠁿",
}


@pytest.mark.parametrize("words", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_words_stay_words_in_every_place(tab: Page, words: str) -> None:
    card = take(tab, words)
    expect_picture(card)
    expect(card.locator(".words")).to_have_text(words)
    card.locator(".words a").click()
    expect(tab.locator("h1")).to_have_text(words)
    expect(tab.locator("pre.curl")).to_contain_text("product")
    assert tab.locator("h1").evaluate("h => getComputedStyle(h).direction") == ("rtl" if "إ" in words else "ltr")
    assert tab.title().endswith(" · Darkroom")
    tab.get_by_role("link", name="Reuse settings").click()
    expect(tab.locator("#words")).to_have_value(words)
    assert tab.title() == "Darkroom"


def test_ten_thousand_characters_are_taken_and_kept(tab: Page) -> None:
    words = ("ä long prompt with 茶壶 " * 500)[:9_999].strip() + "."
    tab.locator("[name=mode][value=prompt]").check(force=True)
    tab.locator("#words").fill(words)
    card = take(tab, words, shown=words[:100])
    expect_picture(card)
    assert len(card.inner_text()) < 1000, "a card is not the place for all of them"
    card.locator(".words a").click()
    assert tab.evaluate("document.documentElement.scrollHeight") < 4000
    tab.get_by_text("All the words").click()
    expect(tab.locator(".all-words p")).to_have_text(words)
    tab.get_by_role("link", name="Reuse settings").click()
    expect(tab.locator("#words")).to_have_value(words)
