"""What clients asked and were told, and whether it all can be true of a service that loses nothing."""

import json
import threading
import time
from collections import defaultdict
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


@dataclass
class History:
    """Answers in the order of their arrival, of all clients, and the parts that were killed."""

    told: list[Told] = field(default_factory=list)
    kills: list[tuple[float, str]] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self) -> float:
        return round(time.monotonic() - self._began, 3)

    def add(self, client: int, act: str, key: str, job: str, status: int, body: dict[str, Any] | None = None) -> None:
        body = body or {}
        outputs = tuple(str(output["sha256"]) for output in body.get("outputs", []))
        state = str(body.get("status", "")) if status in (200, 202) else ""
        line = Told(self.now(), client, act, key, job, status, state, outputs)
        with self._lock:
            self.told.append(line)

    def killed(self, part: str) -> None:
        with self._lock:
            self.kills.append((self.now(), part))

    def accepted(self) -> dict[str, str]:
        """Job by idempotency key, of every submit that was answered 200 or 202."""
        return {line.key: line.job for line in self.told if line.act == "submit" and line.status in (200, 202)}

    def write(self, path: Path) -> None:
        lines = [json.dumps({"at": at, "kill": part}) for at, part in self.kills] + [
            json.dumps(asdict(line)) for line in self.told
        ]
        path.write_text("\n".join(sorted(lines, key=lambda line: float(json.loads(line)["at"]))) + "\n")


def complaints(history: History, listed: dict[str, list[str]], final: dict[str, str]) -> list[str]:
    """What cannot be: one sentence each. `listed`: ids by idempotency key as the owners' lists show them; `final`: state by id at the end."""
    return [*_told(history), *_ends(history, final), *_doubles(history, listed)]


def _told(history: History) -> list[str]:
    """Answers that no service of this kind may give."""
    wrong = []
    shown: dict[str, tuple[str, tuple[str, ...]]] = {}
    known = set(history.accepted().values())
    for line in history.told:
        if line.status >= 500 and line.status != 503:
            wrong.append(f"{line.at}: {line.act} of {line.job or line.key} was answered {line.status}")
        if line.act in ("poll", "cancel", "image") and line.status in (404, 410) and line.job in known:
            wrong.append(f"{line.at}: lost: {line.act} of {line.job} was answered {line.status}")
        if not line.state:
            continue
        if line.job in shown and (line.state, line.outputs) != shown[line.job]:
            wrong.append(f"{line.at}: changed: {line.job} was {shown[line.job]}, is {line.state} {line.outputs}")
        if line.state in FINAL:
            shown.setdefault(line.job, (line.state, line.outputs))
    return wrong


def _ends(history: History, final: dict[str, str]) -> list[str]:
    return [
        f"stuck or lost: {job} of {key} is {final.get(job)}"
        for key, job in history.accepted().items()
        if final.get(job) not in FINAL
    ]


def _doubles(history: History, listed: dict[str, list[str]]) -> list[str]:
    """A key makes one job; a key whose every answer was a refusal makes none."""
    accepted = history.accepted()
    answers: dict[str, set[int]] = defaultdict(set)
    for line in history.told:
        if line.act == "submit":
            answers[line.key].add(line.status)
    wrong = [f"doubled: {key} made {ids}" for key, ids in listed.items() if len(ids) > 1]
    for key, job in accepted.items():
        if listed.get(key) != [job]:
            wrong.append(f"{key} was told {job}, listed is {listed.get(key)}")
    refused = [key for key, statuses in answers.items() if not statuses & {0, 200, 202}]
    return wrong + [f"refused, and yet there: {key} made {listed[key]}" for key in refused if key in listed]
