"""Logs: every line on stderr is one JSON object, whoever wrote it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_our_lines_and_those_of_libraries_are_json_and_name_the_worker() -> None:
    script = """
import logging, warnings
import structlog
from darkroom_worker import logs
logs.configure("warn", "w0")
ours = structlog.get_logger()
ours.info("not at this level")
ours.warning("of our own", job_id="j")
try:
    1 / 0
except ZeroDivisionError:
    ours.exception("broken")
logging.getLogger("some.library").warning("said %s", "something")
logging.getLogger("some.library").info("chatter")
logging.getLogger("aiormq.connection").error("error when creating transport")
logging.getLogger("asyncio").error("Task exception was never retrieved")
warnings.warn("old ways")
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert {line["worker"] for line in lines} == {"w0"}
    assert [(line["level"], line["msg"].split(":")[0]) for line in lines] == [
        ("warning", "of our own"),
        ("error", "broken"),
        ("warning", "said something"),
        ("error", "Task exception was never retrieved"),
        ("warning", "<string>"),
    ]
    assert lines[0]["job_id"] == "j"
    assert "ZeroDivisionError" in lines[1]["exception"]
    assert lines[2]["logger"] == "some.library"
