"""The checker sees each kind of lie: a history without faults passes, and one changed answer fails."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faults.history import NAMELESS, Books, History, complaints, read


def outputs(*hashes: str) -> dict[str, Any]:
    return {"outputs": [{"sha256": one} for one in hashes]}


def honest() -> tuple[History, Books]:
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
    return history, Books({"a": ["A"], "b": ["B"]}, {"A": "succeeded", "B": "canceled"})


def test_an_honest_history_has_no_complaints() -> None:
    assert complaints(*honest()) == []


Lie = Callable[[History, Books], object]
LIES: dict[str, tuple[str, Lie]] = {
    "a server error": ("was answered 500", lambda history, _: history.add(0, "poll", "a", "A", 500)),
    "an accepted job that is unknown": ("lost:", lambda history, _: history.add(0, "poll", "a", "A", 404)),
    "an end that changes": (
        "changed:",
        lambda history, _: history.add(0, "poll", "b", "B", 200, {"status": "succeeded"}),
    ),
    "an end that is taken back": (
        "changed:",
        lambda history, _: history.add(0, "poll", "a", "A", 200, {"status": "running"}),
    ),
    "a picture that changes": (
        "changed:",
        lambda history, _: history.add(0, "poll", "a", "A", 200, {"status": "succeeded"} | outputs("y")),
    ),
    "a job told to a stranger": ("a stranger", lambda history, _: history.add(1, "pry", "", "A", 200)),
    "other bytes": ("altered:", lambda history, _: history.add(0, "altered", "", "A", 200)),
    "a job that never ends": ("stuck", lambda _, books: books.final.update(A="running")),
    "a job that vanishes": ("stuck or lost", lambda _, books: books.final.pop("A")),
    "two jobs for one key": ("doubled", lambda _, books: books.listed["a"].append("A2")),
    "another job than was told": ("a was told A", lambda _, books: books.listed.update(a=["A2"])),
    "a job that its owner's list lacks": ("a was told A, listed is []", lambda _, books: books.listed["a"].clear()),
    "a job that is unknown in the end": ("lost: audit", lambda history, _: history.add(0, "audit", "a", "A", 404)),
    "another end in the end": (
        "changed:",
        lambda history, _: history.add(0, "audit", "b", "B", 200, {"status": "succeeded"}),
    ),
    "a job that nobody asked for": ("nobody asked for ['D'] of d", lambda _, books: books.listed.update(d=["D"])),
    "more nameless jobs than lost answers": (
        "nobody asked for some of ['one', 'two']",
        lambda _, books: books.listed.update({NAMELESS: ["one", "two"]}),
    ),
    "a refused job that is there": ("refused, and yet there", lambda _, books: books.listed.update(c=["C"])),
}


@pytest.mark.parametrize("name", LIES)
def test_the_checker_sees(name: str, tmp_path: Path) -> None:
    words, lie = LIES[name]
    history, books = honest()
    lie(history, books)
    assert any(words in line for line in complaints(history, books))
    history.write(tmp_path / "history.jsonl", books)
    assert complaints(*read(tmp_path / "history.jsonl")) == complaints(history, books), "what is kept is judged alike"


def test_a_job_that_ended_while_it_was_forgotten_is_there_without_its_key() -> None:
    history, books = honest()
    books.listed[NAMELESS] = [*books.listed.pop("b"), "of the submit without an answer"]
    assert not complaints(history, books)


def test_a_job_is_pending_from_its_acceptance_until_somebody_has_seen_its_end() -> None:
    history, _ = honest()
    history.add(1, "submit", "d", "D", 202, {"status": "queued"})
    history.add(1, "poll", "d", "D", 200, {"status": "running"})
    assert history.pending() == ["D"]


def test_a_key_that_a_flush_forgot_may_make_two_jobs() -> None:
    history, books = honest()
    books.listed["a"].append("A2")
    history.struck("flush")
    history.add(0, "submit", "a", "A2", 202, {"status": "queued"})
    books.final["A2"] = "succeeded"
    assert complaints(history, books) == []


def test_a_job_is_counted_under_faults_if_it_was_accepted_before_the_last_one() -> None:
    history = History()
    history.add(0, "submit", "a", "A", 202, {"status": "queued"})
    history.struck("flush")
    history.began -= 1  # a second later
    history.add(0, "submit", "b", "B", 202, {"status": "queued"})
    assert history.accepted_under_faults() == 1
