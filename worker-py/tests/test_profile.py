"""How many rows pay together: the rule on measured times, and what is kept on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkroom_worker.tasks.profile import Profile, rows_that_pay
from darkroom_worker.tasks.task import OutOfMemory


@pytest.mark.parametrize(
    ("seconds", "batch_cap", "least_gain", "cap"),
    [
        ({1: 1.0, 2: 1.0, 4: 1.05, 8: 2.0}, 8, 1.0, 4),  # flat up to 4, then linear: 8 is no faster than 4
        ({1: 1.0, 2: 1.98, 4: 3.96}, 4, 1.0, 1),  # nothing gained
        ({1: 1.0, 2: 1.8}, 2, 1.2, 1),  # 11 % gained, a CPU wants 20
        ({1: 1.0, 2: 1.8}, 2, 1.0, 2),
        ({1: 1.0, 2: 1.5, 4: 4.0}, 8, 1.2, 2),  # the climb ends at 4: nobody measures 8
        ({1: 1.0, 2: 1.1, 4: 1.3, 6: 1.5}, 6, 1.0, 6),  # a cap between the powers of two is tried too
        ({}, 1, 1.0, 1),  # nothing to choose, nothing measured
    ],
)
def test_the_smallest_batch_that_is_nearly_the_fastest_is_taken(
    seconds: dict[int, float], batch_cap: int, least_gain: float, cap: int
) -> None:
    assert rows_that_pay(seconds.__getitem__, batch_cap, least_gain) == cap


def test_the_climb_ends_where_memory_does() -> None:
    def measured(rows: int) -> float:
        if rows > 4:
            raise OutOfMemory
        return 1.0

    assert rows_that_pay(measured, 64, 1.0) == 4


def test_not_even_one_row_fits() -> None:
    def measured(rows: int) -> float:
        raise OutOfMemory

    assert rows_that_pay(measured, 8, 1.0) == 1


def test_caps_are_measured_once_for_a_model_and_a_machine(tmp_path: Path) -> None:
    measured: list[tuple[int, int, int]] = []

    def seconds_per_step(width: int, height: int, rows: int) -> float:
        measured.append((width, height, rows))
        return 1.0 if width == 512 else float(rows)

    here = Profile(tmp_path, 4, on_cpu=False, key={"model": "m", "device": "A"})
    assert here.caps([(512, 512), (1024, 1024)], seconds_per_step) == {"512x512": 4, "1024x1024": 1}
    assert measured == [(512, 512, 1), (512, 512, 2), (512, 512, 4), (1024, 1024, 1), (1024, 1024, 2), (1024, 1024, 4)]
    measured.clear()
    again = Profile(tmp_path, 2, on_cpu=False, key={"device": "A", "model": "m"})
    assert again.caps([(512, 512)], seconds_per_step) == {"512x512": 2}, "the catalogue's bound stands"
    assert measured == []
    elsewhere = Profile(tmp_path, 4, on_cpu=False, key={"model": "m", "device": "B"})
    elsewhere.caps([(512, 512)], seconds_per_step)
    assert measured


def test_a_broken_file_and_a_folder_that_cannot_be_written_are_no_end(tmp_path: Path) -> None:
    profile = Profile(tmp_path, 2, on_cpu=False, key={})
    assert profile.caps([(64, 64)], lambda *_: 1.0) == {"64x64": 2}
    (kept,) = (tmp_path / "caps").iterdir()
    kept.write_text("{")
    assert profile.caps([(64, 64)], lambda *_: 1.0) == {"64x64": 2}
    assert Profile(Path("/proc/nowhere"), 2, on_cpu=False, key={}).caps([(64, 64)], lambda *_: 1.0) == {"64x64": 2}
