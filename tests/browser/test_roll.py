"""My history: it goes on as I scroll, and every picture can be varied, reused, compared, deleted."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from browser.conftest import NewTab
from browser.studio import ended, expect_picture, submit, take
from system.stack import Stack


def test_varying_takes_the_same_words_with_another_seed(tab: Page) -> None:
    card = take(tab, "a glossy blue vase")
    expect_picture(card)
    card.get_by_role("button", name="Vary").click()
    expect(tab.locator("#roll > .card")).to_have_count(2)
    other = tab.locator("#roll > .card").first
    expect_picture(other)
    expect(other.locator(".words")).to_have_text("a glossy blue vase")
    assert other.locator(".facts .right").inner_text() != card.locator(".facts .right").inner_text()


def test_reusing_brings_every_setting_back(tab: Page) -> None:
    tab.locator("#keep-out").fill("people")
    card = take(tab, "a white teapot", steps=7)
    expect_picture(card)
    card.get_by_role("link", name="Reuse").click()
    expect(tab.locator("#words")).to_have_value("a white teapot")
    expect(tab.locator("#steps")).to_have_value("7")
    expect(tab.locator("#keep-out")).to_have_value("people")
    expect(tab.locator("#model")).to_have_value("simulated")
    assert tab.locator("#seed").input_value().isdecimal()


def test_a_deleted_picture_is_gone_everywhere(tab: Page) -> None:
    card = take(tab, "an orange bowl")
    expect_picture(card)
    job = str(card.get_attribute("id")).removeprefix("job-")
    card.locator(".menu summary").click()
    card.get_by_role("link", name="Delete…").click()
    expect(tab.locator("#ask")).to_contain_text("“an orange bowl” and its settings will be gone for good.")
    tab.locator("#ask").get_by_role("button", name="Delete").click()
    expect(tab.locator("#roll > .card")).to_have_count(0)
    assert tab.request.get(f"/v1/jobs/{job}").status == 410


def test_two_picked_pictures_are_compared_by_what_differs(tab: Page) -> None:
    for words in ("a red mug", "a blue mug"):
        card = take(tab, words)
        expect_picture(card)
        card.get_by_label("Pick").check()
    tab.get_by_role("button", name="Clear").click()
    expect(tab.locator(".tray")).to_be_hidden()
    for box in tab.locator(".pick input").all():
        box.check()
    tab.get_by_role("button", name="Compare").click()
    expect(tab.locator(".two img")).to_have_count(2)
    expect(tab.locator(".differ")).to_contain_text("a red mug")
    expect(tab.locator(".differ tr", has_text="The same in both")).to_contain_text("512 × 512")  # noqa: RUF001


def test_nobody_sees_the_pictures_of_somebody_else(tab: Page, new_tab: NewTab) -> None:
    card = take(tab, "a private picture")
    expect_picture(card)
    job = str(card.get_attribute("id")).removeprefix("job-")
    stranger = new_tab()
    stranger.goto("/")
    expect(stranger.locator("#roll > .card")).to_have_count(0)
    assert stranger.request.get(f"/jobs/{job}").status == 404


def test_the_books_agree(tab: Page) -> None:
    expect_picture(take(tab, "a box"))
    tab.goto("/status")
    expect(tab.locator("#unaccounted")).to_have_text("0")
    counts = {
        name: int(tab.locator(f"#{name}").inner_text().replace(",", ""))
        for name in ("accepted", "succeeded", "failed", "canceled", "expired", "in-flight")
    }
    assert counts.pop("accepted") == sum(counts.values())
    expect(tab.locator(".workers tbody tr")).not_to_have_count(0)
    expect(tab.locator("main > .soft").first).to_contain_text("Since ")
    expect(tab.locator(".word")).to_contain_text("all reachable")


def test_copied_code_makes_the_same_picture(new_tab: NewTab, studio: Stack, tmp_path: Path) -> None:
    tab = new_tab(permissions=["clipboard-read", "clipboard-write"])
    tab.goto("/")
    made = ended(tab, submit(tab, prompt='it\'s "a mug" & 茶壶', seed=11))
    tab.goto(f"/jobs/{made['id']}")
    copied = {}
    for language in ("curl", "Python", "CLI"):
        tab.get_by_label(language).check(force=True)
        tab.get_by_role("button", name="Copy").click()
        expect(tab.locator("[data-copy]")).to_have_text("Copied")
        copied[language] = tab.evaluate("navigator.clipboard.readText()")
        expect(tab.locator("[data-copy]")).to_have_text("Copy")
    assert copied["CLI"].startswith("DARKROOM_URL=http://127.0.0.1:")
    answer = subprocess.run(copied["curl"], shell=True, cwd=tmp_path, capture_output=True, check=True)  # noqa: S602
    job = json.loads(answer.stdout)
    assert (job["status"], job["effective"]) == ("succeeded", made["effective"])
    subprocess.run([sys.executable, "-c", copied["Python"]], cwd=tmp_path, check=True)
    path = f"{studio.folder / 'bin'}:{os.environ['PATH']}"
    drawn = subprocess.run(  # noqa: S602
        copied["CLI"],
        shell=True,
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    ours = Image.open(io.BytesIO(tab.request.get(made["outputs"][0]["url"]).body()))
    for file in ("picture-11.png", drawn.stdout.strip()):
        assert Image.open(tmp_path / file).tobytes() == ours.tobytes(), file
