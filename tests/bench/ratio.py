"""Ratios of arms that were measured side by side: their middle, how sure it is, and whether it meets its target."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

RESAMPLES = 2000

Sample = float | tuple[int, int]  # a ratio, or what was reached of what was to be reached


@dataclass(frozen=True)
class Row:
    """A line of the table. target: low and high, inclusive; said: the same in words."""

    name: str
    samples: Sequence[Sample]
    target: tuple[float, float] | None = None
    said: str = ""

    @property
    def verdict(self) -> str:
        """met or missed by the whole interval; open where the interval holds both; nothing without a target."""
        if self.target is None:
            return ""
        _, low, high = interval(self.samples)
        least, most = self.target
        if least <= low and high <= most:
            return "met"
        return "missed" if high < least or low > most else "open"

    def __str__(self) -> str:
        middle, low, high = interval(self.samples)
        # What was counted once is what it is.
        shown = f"{middle:.3g}" if len(self.samples) == 1 else f"{middle:.3f} ({low:.3f} to {high:.3f})"
        return f"  {self.name:44} {shown:24} {self.said:20} {self.verdict}".rstrip()


def interval(samples: Sequence[Sample], seed: int = 0) -> tuple[float, float, float]:
    """The middle and its 95 % bootstrap interval (percentile method, resampling whole rounds)."""
    chance = random.Random(seed)
    middles = sorted(middle(chance.choices(samples, k=len(samples))) for _ in range(RESAMPLES))
    return middle(samples), middles[int(RESAMPLES * 0.025)], middles[int(RESAMPLES * 0.975)]


def middle(samples: Sequence[Sample]) -> float:
    """The median of ratios; of counts the ratio of their sums, since a single round has few."""
    pairs = [sample for sample in samples if isinstance(sample, tuple)]
    if pairs:
        return sum(reached for reached, _ in pairs) / sum(aim for _, aim in pairs)
    return statistics.median(float(sample) for sample in samples if not isinstance(sample, tuple))
