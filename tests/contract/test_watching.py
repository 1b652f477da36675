"""Rules, runbook and dashboards fit together: each alert is explained and tested, each dashboard can be read by Grafana."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from observe import expressions

ROOT = Path(__file__).resolve().parents[2]
RULE_TESTS = ROOT / "deploy" / "prometheus" / "tests" / "alerts.yml"

PROMTOOL = pytest.mark.skipif(
    shutil.which("promtool") is None and not os.environ.get("CI"), reason="comes with Debian's package prometheus"
)


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@PROMTOOL
def test_the_configuration_and_its_rules_are_what_prometheus_reads() -> None:
    promtool("check", "config", ROOT / "deploy" / "prometheus" / "prometheus.yml")


@PROMTOOL
def test_each_alert_fires_for_its_cause_and_is_silent_without() -> None:
    promtool("test", "rules", RULE_TESTS)


def test_each_alert_has_both_kinds_of_test() -> None:
    tested = [test["name"] for test in yaml.safe_load(RULE_TESTS.read_text())["tests"]]
    names = [alert["alert"] for alert in expressions.alerts()]
    assert sorted(tested) == sorted(f"{name} {end}" for name in names for end in ("fires", "is silent"))


def test_each_alert_has_a_paragraph_in_the_runbook_and_leads_to_it() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text()
    paragraphs = dict(re.findall(r"^## (\w+)\n((?:.+\n)+)", runbook, re.MULTILINE))
    assert list(paragraphs) == [alert["alert"] for alert in expressions.alerts()]
    for alert in expressions.alerts():
        assert alert["annotations"]["runbook_url"] == f"docs/runbook.md#{alert['alert'].lower()}"
        assert len(paragraphs[alert["alert"]].split()) > 30


def test_each_alert_compares_with_a_number() -> None:
    assert all(expressions.measured(alert) for alert in expressions.alerts())


@pytest.mark.parametrize("file", expressions.DASHBOARDS, ids=lambda file: file.stem)
def test_a_dashboard_has_what_grafana_needs(file: Path) -> None:
    dashboard = json.loads(file.read_text())
    assert {"uid", "title", "schemaVersion", "panels", "templating", "time"} <= dashboard.keys()
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    sources = {one["uid"] for one in yaml.safe_load(DATASOURCES.read_text())["datasources"]}
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, f"{panel['title']} lies over another"
        assert max(x for x, _ in cells) < GRID, f"{panel['title']} is wider than the page"
        taken |= cells
        for target in panel["targets"]:
            assert target["datasource"]["uid"] in sources
            assert set(re.findall(r"\$(\w+)", target.get("expr") or target["query"])) <= variables


DATASOURCES = ROOT / "deploy" / "grafana" / "provisioning" / "datasources" / "darkroom.yml"
GRID = 24
