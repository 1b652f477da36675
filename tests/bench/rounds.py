"""Rounds of interleaved arms that count only where the machine was quiet, and the part of the table that is made of them."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench.arms import Serial, Service
from bench.neighbours import Neighbours
from bench.ratio import Row, Sample
from bench.stack import private_stack
from bench.subject import Subject

NEIGHBOUR_LIMIT = 0.2  # cores
AA = "A/A: the serial loop / itself"
STEADY = (0.97, 1.03)
Round = dict[str, Sample]


@dataclass
class Part:
    """One part of the table. void: why it proves nothing."""

    title: str
    rows: list[Row]
    void: str = ""
    neighbours: list[float] = field(default_factory=list)  # cores, of each round

    def show(self) -> None:
        print(f"\n{self.title}")
        for row in self.rows:
            print(row)
        if self.void:
            print(f"  VOID: {self.void}")


def at_least(name: str, samples: list[Sample], least: float) -> Row:
    return Row(name, samples, (least, float("inf")), f">= {least:g}")


def at_most(name: str, samples: list[Sample], most: float, more: str = "") -> Row:
    return Row(name, samples, (0, most), f"<= {most:g}{more}")


class Bench:
    """One subject's arms: the serial loop and one service or more, all ready."""

    def __init__(self, subject: Subject, rounds: int, opened: ExitStack) -> None:
        self.subject = subject
        self._rounds = rounds
        self._opened = opened
        self._folders: list[str] = []
        self.serial = self.loop(**subject.loop)

    def loop(self, **changes: str) -> Serial:
        """A serial loop that is ready; `changes` are variables of its environment."""
        serial = Serial(self.subject, **changes)
        self._opened.callback(serial.close)
        return serial

    def service(self, **changes: str) -> Service:
        """A warm one, of a private stack."""
        stack = self._opened.enter_context(private_stack(**self.subject.settings, **changes))
        self._folders.append(stack.settings["DATA_DIR"])
        service = Service(stack.settings["GATEWAY_ADDR"], self.subject)
        service.saturated(3)
        return service

    def repeat(self, a_round: Callable[[int], Round], rows: Callable[[dict[str, list[Sample]]], list[Row]]) -> Part:
        """Rounds until enough have counted, and the table made of them; of all, and void, where too few did."""
        every: list[Round] = []
        quiet: list[Round] = []
        neighbours: list[float] = []
        watch = Neighbours(self._folders)
        while len(quiet) < self._rounds and len(every) < 2 * self._rounds:
            watch.restart()
            every.append(a_round(len(every)))
            neighbours.append(round(watch.cores(), 2))
            if neighbours[-1] <= NEIGHBOUR_LIMIT:
                quiet.append(every[-1])
            print(f"{self.subject.name}, round {len(every)}: others took {neighbours[-1]:.2f} cores", file=sys.stderr)
        enough = len(quiet) >= self._rounds
        found = defaultdict(list)
        for one in quiet if enough else every:
            for name, sample in one.items():
                found[name].append(sample)
        steady = Row(AA, found[AA], STEADY, "within 0.97 to 1.03")
        void = "" if steady.verdict == "met" else "the A/A arm may stray by more than 3 %: the machine was not quiet"
        if not enough:
            void = f"others took more than {NEIGHBOUR_LIMIT} cores in {len(every) - len(quiet)} of {len(every)} rounds, shown all"
        title = f"{self.subject}; {len(found[AA])} rounds of {self.subject.pictures} pictures an arm"
        return Part(title, [steady, *rows(found)], void, neighbours)
