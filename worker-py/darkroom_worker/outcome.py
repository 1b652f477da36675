"""What shall become of a message, decided by the attempt and carried out by the consumer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ack:
    """The job needs this message no more."""


@dataclass(frozen=True)
class Delay:
    """A copy waits at least this long, confirmed, and then this message is acked. published_at None keeps the message's own."""

    wait_ms: int
    published_at: int | None = None


@dataclass(frozen=True)
class Requeue:
    """Somebody else may have it at once."""


Outcome = Ack | Delay | Requeue
