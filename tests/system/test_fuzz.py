"""The served contract against the service: what schemathesis draws from it is answered as it says. `make fuzz-api` draws far more."""

from fuzz.api import fuzz
from system.stack import Stack


def test_requests_drawn_from_the_contract_are_answered_as_it_says(stack: Stack) -> None:
    done = fuzz(stack, cases=5, seed=1)
    assert done.returncode == 0, done.stdout + done.stderr
