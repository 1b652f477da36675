"""Tables for people, JSON for programs; remarks go to stderr, so that what is asked for can be piped."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="Answer JSON instead of a table.")]

# A pipe has no width of its own; an id alone takes 42 columns.
PIPED_WIDTH = 160


def console(stderr: bool = False) -> Console:
    """As wide as the terminal, or PIPED_WIDTH where there is none. Nothing in a text is read as markup."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPED_WIDTH
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def say(text: str) -> None:
    """A remark."""
    console(stderr=True).print(text, soft_wrap=True)


def show_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """Columns as wide as their content; nothing is drawn around them, so that lines can be cut and grepped."""
    table = Table(*columns, title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    console().print(table)


def time_of(ms: int | None) -> str:
    """A moment in UTC, to the millisecond."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] if ms else ""


def span(ms: int | None) -> str:
    """A duration in its two largest units, or in seconds when it is short."""
    if ms is None:
        return ""
    seconds = max(0, ms) / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
