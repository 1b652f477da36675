"""gunicorn's settings, the same wherever a worker runs: `gunicorn -c python:darkroom_worker.serving -b HOST:PORT`."""

from __future__ import annotations

from darkroom_worker import settings

# Seconds beyond the grace for the job in hand: to give back what is unfinished, and to say goodbye.
MARGIN = 10


def _grace() -> float:
    """A bad setting is told by create_app(), which ends the start."""
    try:
        return settings.load().WORKER_DRAIN_GRACE
    except settings.BadSetting:
        return 0


wsgi_app = "darkroom_worker.app:create_app()"
worker_class = "asgi"
workers = 1  # more would multiply memory on one GPU and gain nothing
control_socket_disable = True  # two units would fight over one file in the home folder
graceful_timeout = round(_grace()) + MARGIN
