"""The weather of a seed is always the same, and takes away one part at a time."""

from types import SimpleNamespace
from typing import Any

import pytest

from faults.failpoints import Failpoints
from faults.weather import LOSES_MESSAGES, QUIET_SECONDS, REPUBLISH_SECONDS, Fault, Weather, forecast
from system.client import Client, lasting
from system.stack import Stack

STACK: Any = SimpleNamespace(gateways=["a", "b"], workers=["worker-0", "worker-1"])
FAILPOINTS: Any = SimpleNamespace(of=lambda half: ("put_verdict.before", "settle.after"))
SEEDS = range(300)


def test_a_seed_is_a_forecast() -> None:
    first, again, other = (forecast(seed, 75, 110, STACK, FAILPOINTS) for seed in (7, 7, 8))
    assert first == again != other


def test_no_messages_are_lost_and_s3_is_there_around_a_flush_of_redis() -> None:
    flushes = 0
    for seed in SEEDS:
        faults = forecast(seed, 75, 110, STACK, FAILPOINTS)
        for flush in (fault.at for fault in faults if fault.kind == "flush"):
            flushes += 1
            near = [fault for fault in faults if abs(fault.at - flush) < REPUBLISH_SECONDS]
            assert not [fault for fault in near if fault.kind in LOSES_MESSAGES]
            assert not [fault for fault in near if fault.target == "s3" and abs(fault.at - flush) < QUIET_SECONDS]
    assert flushes > len(SEEDS) / 2


@pytest.mark.timeout(120)
def test_a_flush_waits_until_what_a_queue_lost_is_in_a_queue_again(stack: Stack, client: Client) -> None:
    busy = [client.accepted(**lasting(3)) for _ in stack.workers]
    for job in busy:
        client.running(job)
    waiting = [client.accepted() for _ in range(5)]
    struck: list[str] = []
    weather = Weather(
        stack, Failpoints(stack), lambda fault: struck.append(fault.kind), pending=lambda: [*busy, *waiting]
    )
    weather.run([Fault(0, "purge queue", "simulated"), Fault(0.1, "flush", "redis")])
    assert struck == ["purge queue", "flush"]
    for job in (*busy, *waiting):
        client.succeeded(job, 60)
