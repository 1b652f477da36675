"""What was measured, kept as lines of docs/reliability.json; the tables of docs/reliability.md are made from it: `python -m faults.results`."""

import json
from collections.abc import Callable
from typing import Any

from system.stack import ROOT

KEPT = ROOT / "docs" / "reliability.json"
PAGE = ROOT / "docs" / "reliability.md"

Line = dict[str, Any]


def record(table: str, line: Line) -> None:
    """Enters one result and makes the tables anew. A recovery takes the place of an earlier one of its name."""
    kept = json.loads(KEPT.read_text())
    kept[table] = [old for old in kept[table] if table != "recoveries" or old["what"] != line["what"]] + [line]
    KEPT.write_text(json.dumps(kept, indent=1) + "\n")
    PAGE.write_text(render(PAGE.read_text(), kept))


def render(page: str, kept: dict[str, list[Line]]) -> str:
    """The page with its tables made from what is kept."""
    for name, (head, row) in TABLES.items():
        lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
        lines += [f"| {' | '.join(map(str, row(line)))} |" for line in kept[name]]
        before, rest = page.split(f"<!-- {name} -->\n", 1)
        after = rest[rest.index("<!-- end -->") :]
        page = f"{before}<!-- {name} -->\n" + "\n".join(lines) + f"\n{after}"
    return page


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{word} {count}" for word, count in counts.items())


def _storm(line: Line) -> list[Any]:
    return [
        line["seed"], line["seconds"], line["faults"], line["jobs"], line["under"], _told(line["outcomes"]),
        f"{line['p50']} / {line['p99']}", line["complaints"],
    ]  # fmt: skip


def _recovery(line: Line) -> list[Any]:
    return [line["what"], f"{line['median']:.1f}", f"{line['worst']:.1f}", line["times"], line["promised"]]


def _soak(line: Line) -> list[Any]:
    changes = [line[name] for name in ("rss", "descriptors", "goroutines", "tasks")]
    return [line["minutes"], line["faults"], _told(line["outcomes"]), *changes]


def _roll(line: Line) -> list[Any]:
    return [line["times"], line["seconds"], _told(line["outcomes"]), line["attempts"]]


TABLES: dict[str, tuple[list[str], Callable[[Line], list[Any]]]] = {
    "storms": (
        ["seed", "seconds", "faults", "jobs", "accepted while faults struck", "outcomes", "p50 / p99, s", "complaints"],
        _storm,
    ),
    "recoveries": (["fault", "median, s", "worst, s", "times", "promised"], _recovery),
    "rolls": (["rolling restarts", "seconds", "outcomes", "attempts spent"], _roll),
    "soaks": (["minutes", "mild faults", "outcomes", "memory", "descriptors", "goroutines", "asyncio tasks"], _soak),
}

if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(), json.loads(KEPT.read_text())))
