"""`darkroom cancel`: ends jobs, whoever owns them."""

from __future__ import annotations

from typing import Annotated

import typer

from darkroom_cli import ending, ids
from darkroom_cli.ledger import Ledger
from darkroom_cli.screen import AsJson, show_json, show_table
from darkroom_cli.settings import Settings
from darkroom_cli.store import Store

JobIds = Annotated[list[str], typer.Argument(metavar="ID", help="Ids of jobs.")]


def cancel(job_ids: JobIds, as_json: AsJson = False) -> None:
    """Cancel jobs, whoever owns them. One that has ended is left as it is, and its state is said."""
    settings = Settings()
    ledger, store = Ledger(settings), Store(settings)
    retention = int(settings["RETENTION"])
    states = {ids.checked(job_id): ending.cancel(ledger, store, job_id, retention) for job_id in job_ids}
    if as_json:
        show_json([{"id": job_id, "state": state} for job_id, state in states.items()])
    else:
        show_table(("job", "state"), states.items())
