"""The tables of docs/reliability.md are those of its results."""

import json

from faults.results import KEPT, PAGE, render


def test_the_page_shows_the_results_that_are_kept() -> None:
    page = PAGE.read_text()
    assert page == render(page, json.loads(KEPT.read_text()))
