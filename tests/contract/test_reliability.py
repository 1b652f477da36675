"""The tables of docs/reliability.md are those of its results, and its tests are there."""

import json
import re

from faults.results import KEPT, PAGE, render
from system.stack import ROOT


def test_the_page_shows_the_results_that_are_kept() -> None:
    page = PAGE.read_text()
    assert page == render(page, json.loads(KEPT.read_text()))


def test_each_of_the_fifty_faults_names_tests_that_there_are() -> None:
    table = PAGE.read_text().split("## Every fault and its test", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (\d+) \|.*\| (.*) \|$", table, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 51))
    named = {test for _, tests in rows for test in re.findall(r"`((?:test_|Test)\w+)`", tests)}
    files = [*(ROOT / "tests").rglob("test_*.py"), *(ROOT / "worker-py" / "tests").rglob("test_*.py")]
    files += (ROOT / "gateway-go").rglob("*_test.go")
    there = {
        test
        for file in files
        for test in re.findall(r"^(?:def|func) (test_\w+|Test\w+)\(", file.read_text(), re.MULTILINE)
    }
    assert len(named) > 50
    assert named <= there, named - there
