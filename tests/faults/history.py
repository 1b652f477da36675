"""What clients asked and were told, and whether it all can be true of a service that loses nothing.

`python -m faults.history FILE` judges a history again that was kept.
"""

import json
import sys
import threading
import time
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FINAL = ("succeeded", "failed", "canceled")


@dataclass(frozen=True)
class Told:
    """One answer. `status` is the HTTP status, 0 for a connection that broke; `key` is the request's idempotency key."""

    at: float
    client: int
    act: str
    key: str
    job: str
    status: int
    state: str = ""
    outputs: tuple[str, ...] = ()


# The key of jobs that ended while Redis had forgotten them: they are known by their id alone.
NAMELESS = ""


@dataclass
class Books:
    """What both gateways say once all is calm. `listed`: ids by idempotency key, or NAMELESS; `final`: state by id."""

    listed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    final: dict[str, str] = field(default_factory=dict)


@dataclass
class History:
    """Answers in the order of their arrival, of all clients, and the faults that struck."""

    told: list[Told] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    _open: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self) -> float:
        return round(time.monotonic() - self.began, 3)

    def add(self, client: int, act: str, key: str, job: str, status: int, body: dict[str, Any] | None = None) -> None:
        body = body or {}
        outputs = tuple(str(output["sha256"]) for output in body.get("outputs", []))
        state = str(body.get("status", "")) if status in (200, 202) else ""
        with self._lock:
            self.told.append(Told(self.now(), client, act, key, job, status, state, outputs))
            if act == "submit" and state:
                self._open.add(job)
            if state in FINAL:
                self._open.discard(job)

    def pending(self) -> list[str]:
        """Jobs that were accepted and that nobody has seen end."""
        with self._lock:
            return list(self._open)

    def struck(self, kind: str, target: str = "") -> None:
        with self._lock:
            self.faults.append({"at": self.now(), "fault": kind, "target": target})

    def accepted(self) -> dict[str, str]:
        """Job by idempotency key, of every submit that was answered 200 or 202."""
        return {line.key: line.job for line in self.told if line.act == "submit" and line.status in (200, 202)}

    def accepted_under_faults(self) -> int:
        """How many jobs were accepted before the last fault struck; what came later met what the faults had left."""
        last = max((fault["at"] for fault in self.faults), default=0)
        return len({line.job for line in self.told if line.act == "submit" and line.state and line.at <= last})

    def write(self, path: Path, books: Books) -> None:
        lines = self.faults + [asdict(line) for line in self.told]
        lines = [*sorted(lines, key=lambda line: line["at"]), vars(books)]
        path.write_text("\n".join(map(json.dumps, lines)) + "\n")


def read(path: Path) -> tuple[History, Books]:
    """A history as it was written."""
    *lines, last = map(json.loads, path.read_text().splitlines())
    history = History(faults=[line for line in lines if "fault" in line])
    told = (line for line in lines if "fault" not in line)
    history.told = [Told(**line | {"outputs": tuple(line["outputs"])}) for line in told]
    return history, Books(**last)


def complaints(history: History, books: Books) -> list[str]:
    """What cannot be: one sentence each."""
    return [*_told(history), *_ends(history, books), *_doubles(history, books), *_strangers(history, books)]


def _told(history: History) -> list[str]:
    """Answers that no service of this kind may give."""
    wrong = []
    shown: dict[str, tuple[str, tuple[str, ...]]] = {}
    known = set(history.accepted().values())
    for line in history.told:
        if line.status >= 500 and line.status != 503:
            wrong.append(f"{line.at}: {line.act} of {line.job or line.key} was answered {line.status}")
        if line.act in ("poll", "cancel", "image", "audit") and line.status in (404, 410) and line.job in known:
            wrong.append(f"{line.at}: lost: {line.act} of {line.job} was answered {line.status}")
        if line.act == "pry" and line.status not in (404, 429, 503, 0):
            wrong.append(f"{line.at}: a stranger was told {line.status} of {line.job}")
        if line.act == "altered":
            wrong.append(f"{line.at}: altered: a picture of {line.job} has another hash than was told")
        if not line.state:
            continue
        if line.job in shown and (line.state, line.outputs) != shown[line.job]:
            wrong.append(f"{line.at}: changed: {line.job} was {shown[line.job]}, is {line.state} {line.outputs}")
        if line.state in FINAL:
            shown.setdefault(line.job, (line.state, line.outputs))
    return wrong


def _ends(history: History, books: Books) -> list[str]:
    return [
        f"stuck or lost: {job} of {key} is {books.final.get(job)}"
        for key, job in history.accepted().items()
        if books.final.get(job) not in FINAL
    ]


def _doubles(history: History, books: Books) -> list[str]:
    """A key makes one job, and one whose every answer was a refusal makes none; a flush of Redis in between forgets keys."""
    accepted = history.accepted()
    answers: dict[str, set[int]] = defaultdict(set)
    asked: dict[str, list[float]] = defaultdict(list)
    for line in history.told:
        if line.act == "submit":
            answers[line.key].add(line.status)
            asked[line.key].append(line.at)
    flushes = [fault["at"] for fault in history.faults if fault["fault"] == "flush"]

    def forgotten(key: str) -> bool:
        # An answer is written down when it is there: what it answers was asked up to LONGEST_ASK earlier.
        return any(asked[key][0] - LONGEST_ASK <= flush <= asked[key][-1] for flush in flushes)

    named = {key: ids for key, ids in books.listed.items() if key != NAMELESS}
    wrong = [f"doubled: {key} made {ids}" for key, ids in named.items() if len(ids) > 1 and not forgotten(key)]
    for key, job in accepted.items():
        if job not in [*named.get(key, []), *books.listed.get(NAMELESS, [])]:
            wrong.append(f"{key} was told {job}, listed is {books.listed.get(key)}")
    refused = [key for key, statuses in answers.items() if not statuses & {0, 200, 202}]
    return wrong + [f"refused, and yet there: {key} made {books.listed[key]}" for key in refused if key in books.listed]


def _strangers(history: History, books: Books) -> list[str]:
    """Whatever a list shows was accepted, or is of a submit whose answer was lost."""
    accepted = set(history.accepted().values())
    unanswered = Counter(line.key for line in history.told if line.act == "submit" and line.status == 0)
    more = {key: [job for job in ids if job not in accepted] for key, ids in books.listed.items()}
    nameless = more.pop(NAMELESS, [])
    wrong = [f"nobody asked for {ids} of {key}" for key, ids in more.items() if ids and key not in unanswered]
    if len(nameless) > unanswered.total():
        wrong.append(f"nobody asked for some of {nameless}: {unanswered.total()} submits were not answered")
    return wrong


LONGEST_ASK = 30  # s that a client waits for an answer

if __name__ == "__main__":
    found = complaints(*read(Path(sys.argv[1])))
    print("\n".join(found) or "no complaints")
    sys.exit(bool(found))
