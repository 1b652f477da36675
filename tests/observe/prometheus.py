"""The Prometheus of a stack, asked as Grafana would ask it."""

from dataclasses import dataclass
from typing import Any

import httpx

from system.stack import Stack
from system.wait import until


@dataclass(frozen=True)
class Prometheus:
    """At a base address such as http://127.0.0.1:9490."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant query. Raises AssertionError for an expression that Prometheus does not understand."""
        response = httpx.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=10)
        answer = response.json()
        assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
        result = answer["data"]["result"]
        return [{"metric": {}, "value": result}] if answer["data"]["resultType"] == "scalar" else list(result)

    def firing(self) -> set[str]:
        """Names of the alerts that fire."""
        return {labels["alertname"] for labels in self._firing()}

    def firing_with_labels(self) -> set[str]:
        """The same, and each name with each of its labels' values: DependencyDown, DependencyDown redis."""
        found = self._firing()
        names = {labels["alertname"] for labels in found}
        return names | {f"{labels['alertname']} {value}" for labels in found for value in labels.values()}

    def _firing(self) -> list[dict[str, str]]:
        alerts = httpx.get(f"{self.url}/api/v1/alerts", timeout=10).json()["data"]["alerts"]
        return [alert["labels"] for alert in alerts if alert["state"] == "firing"]

    def rules(self) -> list[dict[str, Any]]:
        """Every rule, recorded or alerting, as Prometheus has loaded it."""
        groups = httpx.get(f"{self.url}/api/v1/rules", timeout=10).json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def until_all_is_scraped(self) -> None:
        """Every target has been seen well, and the rules were evaluated over it."""
        until(lambda: self.query("min(up)")[0]["value"][1] == "1", 60, "every target is scraped")


def of(stack: Stack) -> Prometheus:
    """Of a stack that runs with OBSERVABILITY=true."""
    port = stack.environment.get("PROMETHEUS_PORT", str(9490 + int(stack.environment["PORT_OFFSET"])))
    return Prometheus(f"http://127.0.0.1:{port}")
