"""docs/security.md names a test for each threat: it must be there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()


def test_every_test_that_the_threat_model_names_exists() -> None:
    named = set(re.findall(r"`((?:Test|Fuzz)[A-Z]\w+|test_\w+)`", PAGE))
    sources = [*ROOT.glob("gateway-go/**/*_test.go"), *ROOT.glob("tests/*/*.py"), *ROOT.glob("worker-py/tests/*.py")]
    text = "\n".join(path.read_text() for path in sources)
    there = set(re.findall(r"^(?:func|def) (\w+)\(", text, re.MULTILINE))
    assert len(named) > 30
    assert named <= there


def test_every_risk_of_the_list_has_a_row_with_a_test() -> None:
    rows = {number: row for row in PAGE.splitlines() for number in re.findall(r"^\| API(\d+) ", row)}
    assert list(rows) == [str(number) for number in range(1, 11)]
    assert all(re.search(r"`(?:Test|Fuzz|test_)", row) for row in rows.values())
