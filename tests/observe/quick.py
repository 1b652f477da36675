"""A second Prometheus beside a stack's own, with the shipped rules in a hurry: what takes minutes there takes seconds here."""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from observe.expressions import RULES
from observe.prometheus import Prometheus
from system.stack import Stack
from system.wait import until

# Every `for:` and every window is divided by it: 5m is 20s. So is the age that QueueSlow allows; no other number is touched.
TIMES = 15
SCRAPE_SECONDS = 2
_SECONDS = {"s": 1, "m": 60}
_DURATION = re.compile(r"(?<=\[)(\d+)([sm])(?=\])|(?<=for: )(\d+)([sm])")
_OLDEST = re.compile(r"(?<=queue_oldest_seconds:max > )\d+")


def hurried(rules: str) -> str:
    """The text of a file of rules, `TIMES` as fast."""

    def shorter(match: re.Match[str]) -> str:
        number, unit = match[1] or match[3], match[2] or match[4]
        return f"{int(number) * _SECONDS[unit] // TIMES}s"

    return _OLDEST.sub(lambda match: str(int(match[0]) // TIMES), _DURATION.sub(shorter, rules))


@contextmanager
def beside(stack: Stack, port: int) -> Iterator[Prometheus]:
    """It scrapes what the stack's own Prometheus scrapes."""
    folder = stack.folder / "quick"
    (folder / "rules").mkdir(parents=True)
    own = (stack.folder / "prometheus" / "prometheus.yml").read_text()
    (folder / "prometheus.yml").write_text(re.sub(r"(_interval): 5s", rf"\1: {SCRAPE_SECONDS}s", own))
    for file in RULES:
        (folder / "rules" / file.name).write_text(hurried(file.read_text()))
    (folder / "targets").symlink_to(stack.folder / "prometheus" / "targets")
    with _serving(folder, port) as server:
        yield server


@contextmanager
def _serving(folder: Path, port: int) -> Iterator[Prometheus]:
    command = ["/usr/bin/prometheus", f"--config.file={folder / 'prometheus.yml'}", "--log.level=warn"]
    command += [f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}"]
    process = subprocess.Popen(command)
    server = Prometheus(f"http://127.0.0.1:{port}")
    try:
        until(lambda: httpx.get(f"{server.url}/-/ready").is_success, 30, "Prometheus is ready")
        server.until_all_is_scraped()
        time.sleep(2 * SCRAPE_SECONDS)  # a counter grows only from one sample to the next
        yield server
    finally:
        process.terminate()
        process.wait()
