"""Everything that rules and dashboards ask Prometheus, read from the files that are shipped."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
RULES = sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))

# An alert ends in a comparison: what stands before it has data also when all is well.
_COMPARISON = re.compile(r"^(.*) (?:==|>|<) [0-9.]+$", re.DOTALL)
OF_GPU = "darkroom_worker_gpu_"  # absent without one
OF_MINIO = ["minio_", "darkroom:store_free"]  # absent with another S3 server


@dataclass(frozen=True)
class Asked:
    """An expression, and where it stands."""

    where: str
    expression: str


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in _rules() if "alert" in rule]


def measured(alert: dict[str, Any]) -> str:
    """What an alert compares with its number."""
    match = _COMPARISON.match(alert["expr"].strip())
    assert match, f"{alert['alert']} does not end in a comparison with a number"
    return match[1]


def of_rules() -> Iterator[Asked]:
    for rule in _rules():
        if "alert" in rule:
            yield Asked(f"alert {rule['alert']}", measured(rule))
        else:
            yield Asked(f"rule {rule['record']}", rule["expr"])


def of_dashboards() -> Iterator[Asked]:
    """With every variable at All."""
    for file in DASHBOARDS:
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel["targets"]:
                if target["datasource"]["type"] == "prometheus":
                    yield Asked(f"{file.stem}, {panel['title']}", re.sub(r"\$\w+", ".*", target["expr"]))


def _rules() -> list[dict[str, Any]]:
    return [rule for file in RULES for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]
