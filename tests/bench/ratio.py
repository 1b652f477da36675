"""Ratios of arms that were measured side by side: their median and how sure it is."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence

RESAMPLES = 2000


def interval(values: Sequence[float], seed: int = 0) -> tuple[float, float, float]:
    """The median and the 95 % bootstrap interval of it (percentile method, resampling whole rounds)."""
    chance = random.Random(seed)
    medians = sorted(statistics.median(chance.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return statistics.median(values), medians[int(RESAMPLES * 0.025)], medians[int(RESAMPLES * 0.975)]


def spoken(values: Sequence[float]) -> str:
    """0.98 (0.97 to 0.99)"""
    middle, low, high = interval(values)
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"
