"""A stack that is watched: Prometheus has data for whatever is asked, and one trace tells a job from the request to the stages of the engine."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from conftest import OFFSET
from observe import load, prometheus, table
from observe.collector import Collector
from observe.run import without_data
from system.client import Client, lasting
from system.stack import Stack
from system.wait import until

ASIDE = 400  # added to the ports of the suite's own stack


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    one = Collector()
    yield one
    one.close()


@pytest.fixture(scope="module")
def watched(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(
        tmp_path_factory.mktemp("watched"),
        OFFSET + ASIDE,
        gateways=1,
        workers=1,
        OBSERVABILITY="true",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
    )
    try:
        stack.up()
        yield stack
    finally:
        stack.down()


def lines(path: Path, job: str) -> list[dict[str, str]]:
    """The log lines of a job."""
    return [json.loads(line) for line in path.read_text().splitlines() if job in line and line.startswith("{")]


def test_one_trace_spans_both_halves_and_log_lines_carry_its_id(watched: Stack, collector: Collector) -> None:
    client = Client(watched.gateways)
    job = client.accepted(**lasting(1))
    client.succeeded(job)
    wanted = {"POST /v1/jobs", "publish darkroom.jobs", "attempt", "denoise", "upload"}
    until(lambda: wanted <= {span["name"] for span in collector.of_job(job)}, 20, "the spans of the job")
    spans = collector.of_job(job)
    assert len({span["trace"] for span in spans}) == 1
    named = {span["name"]: span for span in spans}
    assert {named["POST /v1/jobs"]["service"], named["attempt"]["service"]} == {"darkroom-gateway", "darkroom-worker"}
    for child, parent in (
        ("publish darkroom.jobs", "POST /v1/jobs"),
        ("attempt", "publish darkroom.jobs"),
        ("denoise", "attempt"),
        ("upload", "attempt"),
    ):
        assert named[child]["parent"] == named[parent]["id"], f"{child} is not inside {parent}"
    trace = named["attempt"]["trace"]
    for part, message in (("gateway-0", "job accepted"), ("worker-0", "ended")):
        (line,) = [line for line in lines(watched.folder / "logs" / f"{part}.log", job) if line["msg"] == message]
        assert line["trace_id"] == trace
    for told in (watched.admin(), watched.worker_url()):
        metrics = httpx.get(f"{told}/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}).text
        assert f'# {{trace_id="{trace}"}}' in metrics, "an example of a histogram leads to the trace"


def test_every_rule_and_every_dashboard_has_data_after_a_real_run_and_no_alert_fires(watched: Stack) -> None:
    load.run(watched, jobs=4)
    source = prometheus.of(watched)
    source.until_all_is_scraped()
    until(lambda: not without_data(source), 40, "data for all")
    assert source.firing() == set()


def test_the_table_of_metrics_says_what_both_halves_expose(watched: Stack) -> None:
    load.run(watched, jobs=1)
    assert table.of(watched) == table.DOCUMENT.read_text(), "make metrics"
