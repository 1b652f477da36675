"""A new version is put in place under load, once in every run; twenty times: `make rolling`."""

import pytest

from faults.rolling import roll
from system.stack import Stack


@pytest.mark.timeout(200)
def test_a_rolling_restart_fails_no_job_and_spends_no_attempt(stack: Stack) -> None:
    line, wrong = roll(stack, 1)
    assert not wrong
    assert line["outcomes"]["succeeded"] > 10
