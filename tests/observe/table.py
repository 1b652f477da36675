"""docs/metrics.md, made from what a running gateway and worker tell: `make metrics` writes it, a test holds it against them."""

import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from observe import load
from system.stack import ROOT, Stack

DOCUMENT = ROOT / "docs" / "metrics.md"
OFFSET = 4000
HEAD = """# Metrics

Made by `make metrics` from what a gateway and a worker expose at `/metrics`; do not edit.
Beside these, both tell the usual `process_*` metrics, the gateway `go_*`, the worker `python_*`.
"""
GPU = "from darkroom_worker.gpu import FAMILIES; [print(name, text, sep='\\t') for name, text, _ in FAMILIES]"


def of(stack: Stack) -> str:
    """The whole document. Series appear with their first value: a load comes before."""
    gpu = [f"| `{name}` | gauge | | {text} |" for name, text in _of_gpu()]
    parts = [HEAD, "## Gateway\n", _table(_rows(f"{stack.admin()}/metrics"))]
    parts += ["\n## Worker\n", _table(_rows(f"{stack.worker_url()}/metrics"))]
    parts += ["\n## Worker with an NVIDIA GPU\n", _table(gpu)]
    return "\n".join(parts)


def _table(rows: list[str]) -> str:
    return "\n".join(["| metric | kind | labels | what it says |", "|---|---|---|---|", *sorted(rows)]) + "\n"


def _rows(url: str) -> list[str]:
    rows = []
    for family in text_string_to_metric_families(httpx.get(url, timeout=10).text):
        if family.name.startswith("darkroom_") and not family.name.startswith("darkroom_worker_gpu_"):
            labels = sorted({label for sample in family.samples for label in sample.labels} - {"le"})
            name = family.name + ("_total" if family.type == "counter" else "")
            names = ", ".join(f"`{label}`" for label in labels)
            rows.append(f"| `{name}` | {family.type} | {names} | {family.documentation} |")
    return rows


def _of_gpu() -> list[list[str]]:
    told = subprocess.run(
        [sys.executable, "-c", GPU], cwd=ROOT / "worker-py", capture_output=True, text=True, check=True
    )
    return [line.split("\t") for line in told.stdout.splitlines()]


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="darkroom-metrics-") as folder:
        stack = Stack(Path(folder), OFFSET, gateways=1, workers=1)
        try:
            stack.up()
            load.run(stack, jobs=1)
            DOCUMENT.write_text(of(stack))
        finally:
            stack.down()
    return 0


if __name__ == "__main__":
    sys.exit(main())
