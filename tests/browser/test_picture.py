"""A picture that Darkroom made carries its settings: dropped on the studio, it brings them back."""

import io

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from browser.conftest import NewTab
from browser.studio import ended, submit

WORDS = "a teapot, 茶壶, إبريق 🫖\nsecond line"  # Latin, Chinese, Arabic, a sign beyond 16 bits, a line of its own


def drop(page: Page, name: str, content: bytes) -> None:
    """What a browser does with a file that is dragged onto the page."""
    files = page.evaluate_handle(
        """([name, bytes]) => {
          const files = new DataTransfer();
          files.items.add(new File([new Uint8Array(bytes)], name));
          return files;
        }""",
        [name, list(content)],
    )
    page.dispatch_event("body", "dragover", {"dataTransfer": files})
    expect(page.locator("body")).to_have_attribute("data-drop", "")
    page.dispatch_event("body", "drop", {"dataTransfer": files})
    expect(page.locator("body")).not_to_have_attribute("data-drop", "")


@pytest.mark.parametrize("kind", ["png", "webp", "jpeg"])
def test_a_dropped_picture_brings_its_settings(new_tab: NewTab, kind: str) -> None:
    maker = new_tab()
    maker.goto("/")
    made = ended(
        maker,
        submit(maker, prompt=WORDS, negative_prompt="text", steps=4, seed=41, n=2, guidance_scale=2.5, format=kind),
    )
    picture = maker.request.get(made["outputs"][1]["url"]).body()

    stranger = new_tab()  # who cannot read the job: all comes from the file
    stranger.goto("/")
    drop(stranger, f"picture.{kind}", picture)
    expect(stranger.locator("#bench .notice").first).to_contain_text("Settings loaded.")
    for field, value in {
        "#words": WORDS, "#keep-out": "text", "#steps": "4", "#guidance": "2.5", "#seed": "42", "#model": "simulated",
        "[name=shape]:checked": "512x512", "[name=n]:checked": "1", "[name=mode]:checked": "prompt",
    }.items():  # fmt: skip
        expect(stranger.locator(field)).to_have_value(value)
    expect(stranger.locator("[name=keep_seed]")).to_be_checked()


def test_a_chosen_picture_of_mine_brings_the_words_as_i_typed_them(tab: Page) -> None:
    made = ended(tab, submit(tab, product="a red mug", preset="lifestyle", seed=7))
    tab.locator(".fold").click()
    picture = tab.request.get(made["outputs"][0]["url"]).body()
    tab.get_by_label("Load a picture’s settings").set_input_files(  # noqa: RUF001
        {"name": "p.png", "mimeType": "image/png", "buffer": picture}
    )
    expect(tab.locator("#words")).to_have_value("a red mug")
    expect(tab.locator("[name=look]:checked")).to_have_value("lifestyle")
    expect(tab.locator("[name=mode]:checked")).to_have_value("product")
    expect(tab.locator("#seed")).to_have_value("7")


def test_a_foreign_or_broken_file_is_told_and_changes_nothing(tab: Page) -> None:
    tab.locator("#words").fill("a blue chair")
    for kind in ("png", "jpeg", "webp"):
        out = io.BytesIO()
        Image.new("RGB", (8, 8)).save(out, kind)
        for content in (out.getvalue(), out.getvalue()[:30], b"\x89PNG" + b"\xff" * 64):
            tab.locator("[data-away]").evaluate("place => { place.hidden = true; }")
            drop(tab, f"foreign.{kind}", content)
            expect(tab.locator("[data-away]")).to_contain_text("No settings in this picture.")
    expect(tab.locator("#words")).to_have_value("a blue chair")
