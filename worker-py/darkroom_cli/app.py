"""The map of the command: everything that it can do, and how trouble is told."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from darkroom_cli import dead, keys
from darkroom_cli.backup import backup
from darkroom_cli.cancel import cancel
from darkroom_cli.doctor import doctor
from darkroom_cli.drain import drain
from darkroom_cli.draw import draw
from darkroom_cli.job import job
from darkroom_cli.jobs import jobs
from darkroom_cli.restore import restore
from darkroom_cli.retry import retry
from darkroom_cli.status import status
from darkroom_cli.trouble import Trouble

app = typer.Typer(
    name="darkroom",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="""Draw pictures with Darkroom, and look after it.

    `draw` speaks to the HTTP API (DARKROOM_URL, DARKROOM_API_KEY); all else is an operator's and reads the settings of gateway and worker.

    Exit status: 0 done; 1 the job failed or something is broken; 2 a bad option or setting; 3 something gives no answer; 4 not found;
    5 refused; 130 interrupted.
    """,
)

for command in (draw, status, doctor, jobs, job, cancel, retry, drain, backup, restore):
    app.command()(command)
app.add_typer(dead.app, name="dead")
app.add_typer(keys.app, name="keys")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs what the command line says, and leaves with the exit status that belongs to it."""
    try:
        app(arguments, prog_name="darkroom")
    except Trouble as trouble:
        print(f"darkroom: {trouble}", file=sys.stderr)
        sys.exit(trouble.status)
