"""Logs: one JSON object a line on stderr, a fixed message and typed fields; prompts are never among them at info."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

# It calls an error what our own lines tell better: a broker that is away.
_NOISY = "aiormq.connection"


def configure(level: str, worker: str) -> None:
    """From here on, our own lines and those of every library are JSON, and name the worker."""

    def name(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {**event, "worker": worker}

    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,  # trace_id, within a traced attempt
        name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("msg"),
    ]
    structlog.configure(
        processors=[*before, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *before],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.captureWarnings(True)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(_NOISY).setLevel(logging.CRITICAL)
