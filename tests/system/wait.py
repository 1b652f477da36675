"""Waiting for a condition, never for a while."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], limit: float, what: str, pause: float = 0.05) -> T:
    """Answers the first true value of `condition`. Raises AssertionError after `limit` seconds, with the last value seen.

    An exception of the condition counts as not yet: what it asks may be down on purpose.
    """
    end = time.monotonic() + limit
    last: object = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = value
        except Exception as error:
            last = error
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit:g} s: {what}; last seen: {last!r}")
        time.sleep(pause)
