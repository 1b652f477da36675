"""Every way to fail reaches whoever polls, with a code, a sentence, and whether trying again makes sense."""

from typing import Any

import pytest

from system.client import Client
from system.stack import Stack

# metadata -> (state, error code or None, attempts)
ENDS: dict[str, tuple[dict[str, str], str, str | None, int]] = {
    "out of memory for good": ({"fault": "oom@2"}, "failed", "out_of_memory", 3),
    "out of memory once": ({"fault": "oom_once@2"}, "succeeded", None, 1),
    "an error for good": ({"fault": "error@1"}, "failed", "engine_error", 3),
    "an error once": ({"fault": "error@1", "fault_times": "1"}, "succeeded", None, 2),
    "an exit of the engine for good": ({"fault": "exit@2"}, "failed", "poison", 3),
    "a hang that holds the GIL, once": ({"fault": "hang@2", "fault_times": "1"}, "succeeded", None, 2),
    "not a number": ({"fault": "nan"}, "failed", "bad_output", 1),
    "a black picture": ({"fault": "black"}, "failed", "bad_output", 1),
    "a black picture once": ({"fault": "black_once"}, "succeeded", None, 1),
}


@pytest.fixture(scope="module")
def ends(running_stack: Stack) -> dict[str, dict[str, Any]]:
    """All of them side by side: most of their time is waiting for the next attempt."""
    running_stack.restart(*running_stack.workers)  # nothing is remembered of engines that died before
    running_stack.until_ready()
    client = Client(running_stack.gateways)
    jobs = {name: client.accepted(metadata=metadata) for name, (metadata, *_) in ENDS.items()}
    return {name: client.ended(job, 120) for name, job in jobs.items()}


@pytest.mark.parametrize("name", ENDS)
def test_the_poller_is_told_of(name: str, ends: dict[str, dict[str, Any]]) -> None:
    _, state, code, attempts = ENDS[name]
    ended = ends[name]
    error = ended["error"]
    assert (ended["status"], error and error["code"], ended["attempt"]) == (state, code, attempts)
    assert bool(ended["outputs"]) == (state == "succeeded")
    if error:
        assert not error["message"][0].islower(), error["message"]
        assert error["message"].endswith("."), error["message"]


def test_a_segmentation_fault_once_costs_one_attempt(stack: Stack, client: Client) -> None:
    stack.restart(*stack.workers)
    stack.until_ready()
    assert client.succeeded(client.accepted(metadata={"fault": "segv@2", "fault_times": "1"}))["attempt"] == 2


def test_an_unknown_fault_is_refused_by_name(client: Client) -> None:
    ended = client.ended(client.accepted(metadata={"fault": "meteor@2"}))
    assert ended["status"] == "failed"
    assert "meteor" in ended["error"]["message"]
