"""`make alerts`: in five healthy minutes no alert fires, rules as shipped; then each fires for its cause, and goes out when that is mended.

The causes are real, and so is the Prometheus; only its rules are in a hurry (observe/quick.py).
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from observe import causes, expressions, load, prometheus, quick
from observe.causes import CAUSES, Cause
from observe.prometheus import Prometheus
from system.stack import Stack
from system.wait import until

OFFSET = int(os.environ.get("TEST_PORT_OFFSET", "4000"))
PORT = 9490 + OFFSET
HEALTHY_SECONDS = 300
FIRE_SECONDS = 100
CALM_SECONDS = 150
# Why no test here can make it real.
UNREAL = {"GpuHot": "no machine without a GPU has one that grows hot"}


def healthy(stack: Stack, source: Prometheus) -> None:
    """Under load all the while. Raises AssertionError when an alert fires, or would if it went on."""
    over, end = threading.Event(), time.monotonic() + HEALTHY_SECONDS

    def work() -> None:
        while not over.wait(2):
            load.run(stack, jobs=5)

    working = threading.Thread(target=work)
    working.start()
    try:
        while time.monotonic() < end:
            assert not (fired := source.firing()), f"fires although all is well: {fired}"
            time.sleep(1)
    finally:
        over.set()
        working.join()


def shown(stack: Stack, source: Prometheus, cause: Cause) -> bool:
    """Whether all its alerts fire. Raises AssertionError when one fires before its cause, or the stack does not mend."""
    silent = set(cause.alerts)
    until(lambda: not silent & source.firing_with_labels(), CALM_SECONDS, f"none of {silent} fires before its cause")
    began = time.monotonic()
    with cause.act(stack):
        while (silent := silent - source.firing_with_labels()) and time.monotonic() < began + FIRE_SECONDS:
            time.sleep(0.5)
        took = time.monotonic() - began
    stack.until_ready()
    missing = f"; NOT FIRED: {', '.join(sorted(silent))}" if silent else ""
    print(f"  {cause.what}: {', '.join(cause.alerts)} ({took:.0f} s){missing}", flush=True)
    return not silent


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--only", choices=["healthy", "causes"])
    only = arguments.parse_args().only
    named = {alert.split()[0] for cause in CAUSES for alert in cause.alerts} | set(UNREAL)
    assert named == {alert["alert"] for alert in expressions.alerts()}, (
        "an alert without a cause, or a cause without one"
    )
    with tempfile.TemporaryDirectory(prefix="darkroom-alerts-") as name, small_store(Path(name)):
        stack = Stack(Path(name), OFFSET, workers=2, OBSERVABILITY="true", PROMETHEUS_PORT=str(PORT))
        try:
            stack.up()
            if only != "causes":
                prometheus.of(stack).until_all_is_scraped()
                healthy(stack, prometheus.of(stack))
                print(f"alerts that fired in {HEALTHY_SECONDS} s of load, rules as shipped: none", flush=True)
            return int(only != "healthy" and not _every_cause(stack))
        finally:
            stack.down()


def _every_cause(stack: Stack) -> bool:
    print(f"fired for their cause; windows and `for` of the rules {quick.TIMES} times as short:", flush=True)
    with quick.beside(stack, PORT + 1) as source:
        fired = [shown(stack, source, cause) for cause in CAUSES]
        until(lambda: not source.firing(), CALM_SECONDS, "no alert fires any more")
    print("alerts that fire when all is mended: none")
    for alert, why in UNREAL.items():
        print(f"not made real: {alert}, {why}")
    return all(fired)


@contextmanager
def small_store(folder: Path) -> Iterator[None]:
    """A file system of its own for what S3 keeps: it needs root, as filling the machine's own disk would need a guard."""
    (folder / "s3").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={causes.STORE_BYTES}", "darkroom-alerts", str(folder / "s3")]
    subprocess.run(mount, check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder / "s3")], check=True)


if __name__ == "__main__":
    sys.exit(main())
