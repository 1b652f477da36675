"""The checker sees each kind of lie: a history without faults passes, and one changed answer fails."""

from collections.abc import Callable
from typing import Any

import pytest

from faults.history import History, complaints


def outputs(*hashes: str) -> dict[str, Any]:
    return {"outputs": [{"sha256": one} for one in hashes]}


def honest() -> tuple[History, dict[str, list[str]], dict[str, str]]:
    """A job that succeeds after a broken connection and a refusal, one that is canceled, and one that was never taken."""
    history = History()
    for act, key, job, status, body in (
        ("submit", "a", "", 0, {}),
        ("submit", "a", "", 503, {}),
        ("submit", "a", "A", 202, {"status": "queued"}),
        ("poll", "a", "A", 200, {"status": "running"}),
        ("poll", "a", "A", 200, {"status": "queued"}),
        ("poll", "a", "A", 503, {}),
        ("poll", "a", "A", 200, {"status": "succeeded"} | outputs("x")),
        ("submit", "b", "B", 202, {"status": "queued"}),
        ("cancel", "b", "B", 200, {"status": "canceled"}),
        ("submit", "c", "", 429, {}),
    ):
        history.add(0, act, key, job, status, body)
    return history, {"a": ["A"], "b": ["B"]}, {"A": "succeeded", "B": "canceled"}


def test_an_honest_history_has_no_complaints() -> None:
    assert complaints(*honest()) == []


Lie = Callable[[History, dict[str, list[str]], dict[str, str]], object]
LIES: dict[str, tuple[str, Lie]] = {
    "a server error": ("was answered 500", lambda history, *_: history.add(0, "poll", "a", "A", 500)),
    "an accepted job that is unknown": ("lost:", lambda history, *_: history.add(0, "poll", "a", "A", 404)),
    "an end that changes": (
        "changed:",
        lambda history, *_: history.add(0, "poll", "b", "B", 200, {"status": "succeeded"}),
    ),
    "an end that is taken back": (
        "changed:",
        lambda history, *_: history.add(0, "poll", "a", "A", 200, {"status": "running"}),
    ),
    "a picture that changes": (
        "changed:",
        lambda history, *_: history.add(0, "poll", "a", "A", 200, {"status": "succeeded"} | outputs("y")),
    ),
    "a job that never ends": ("stuck", lambda _history, _listed, final: final.update(A="running")),
    "a job that vanishes": ("stuck or lost", lambda _history, _listed, final: final.pop("A")),
    "two jobs for one key": ("doubled", lambda _history, listed, _final: listed["a"].append("A2")),
    "another job than was told": ("a was told A", lambda _history, listed, _final: listed.update(a=["A2"])),
    "a refused job that is there": ("refused, and yet there", lambda _history, listed, _final: listed.update(c=["C"])),
}


@pytest.mark.parametrize("name", LIES)
def test_the_checker_sees(name: str) -> None:
    words, lie = LIES[name]
    history, listed, final = honest()
    lie(history, listed, final)
    assert any(words in line for line in complaints(history, listed, final))
