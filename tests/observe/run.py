"""`make observe`: Prometheus beside a private stack under load; rules and dashboards are evaluated, what has no data is named."""

import sys
import tempfile
from pathlib import Path

from observe import expressions, load, prometheus
from observe.expressions import Asked
from observe.prometheus import Prometheus
from system.stack import Stack
from system.wait import until

OFFSET = 4000
PORT = "9490"
JOBS = 20


def without_data(source: Prometheus) -> list[str]:
    """Every expression that has none, of those that can have."""
    return [f"{one.where}: {one.expression}" for one in asked(source)[0] if not source.query(one.expression)]


def asked(source: Prometheus) -> tuple[list[Asked], list[Asked]]:
    """What is to have data here, and what cannot: without a GPU, and with another S3 server than MinIO, whose metrics are its own."""
    absent = [] if source.query(f'{{__name__=~"{expressions.OF_GPU}.*"}}') else [expressions.OF_GPU]
    absent += [] if source.query('up{job="s3"}') else expressions.OF_MINIO
    every = [*expressions.of_rules(), *expressions.of_dashboards()]
    cannot = [one for one in every if any(word in one.expression for word in absent)]
    return [one for one in every if one not in cannot], cannot


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="darkroom-observe-") as folder:
        stack = Stack(Path(folder), OFFSET, OBSERVABILITY="true", PROMETHEUS_PORT=PORT)
        try:
            print("starting a stack of its own, with Prometheus", flush=True)
            stack.up()
            source = prometheus.of(stack)
            source.until_all_is_scraped()
            print(f"running a load; Prometheus answers at {source.url}", flush=True)
            load.run(stack, JOBS)
            return report(source)
        finally:
            stack.down()


def report(source: Prometheus) -> int:
    try:
        until(lambda: not without_data(source), 60, "data for all")
    except AssertionError:
        print("without data:", *without_data(source), sep="\n  ")
        return 1
    can, cannot = asked(source)
    print(f"evaluated {len(can)} expressions of rules and dashboards; without data: none")
    print(f"not evaluated, as there is no GPU: {len(cannot)}")
    if firing := source.firing():
        print(f"alerts that fire: {', '.join(sorted(firing))}")
        return 1
    print("alerts that fire: none")
    return 0


if __name__ == "__main__":
    sys.exit(main())
