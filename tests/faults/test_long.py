"""What takes minutes, in `make faults` alone."""

import os
import random
import threading
import time

import pytest

from system.books import Books
from system.client import Client, lasting
from system.stack import Stack

pytestmark = pytest.mark.skipif(os.environ.get("FAULTS") != "all", reason="minutes: make faults")
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**6))


@pytest.mark.timeout(300)
def test_a_broker_that_is_silent_for_ninety_seconds_costs_a_job_nothing(stack: Stack, client: Client) -> None:
    jobs = [client.accepted(**lasting(20)), client.accepted(steps=100, metadata={"step_ms": "1100"})]
    for job in jobs:
        client.running(job)
    with stack.proxy.toxic("rabbitmq", "timeout", timeout=0), stack.proxy.toxic("rabbitmq", "timeout", "upstream"):
        time.sleep(90)
    for job in jobs:
        assert client.succeeded(job, 120)["attempt"] == 1


@pytest.mark.timeout(300)
def test_a_picture_that_s3_does_not_take_for_ninety_seconds_is_drawn_once(stack: Stack, client: Client) -> None:
    job = client.accepted(**lasting(1))
    client.running(job)
    with stack.proxy.away("s3"):
        time.sleep(90)
    assert client.succeeded(job, 60)["attempt"] == 1


@pytest.mark.timeout(900)
def test_cancels_at_a_thousand_moments_end_each_job_once(stack: Stack, books: Books) -> None:
    print(f"SEED={SEED}")
    wrong: list[str] = []

    def some(number: int) -> None:
        client, chance = Client(stack.gateways), random.Random(f"{SEED}-{number}")
        for _ in range(125):
            job = client.accepted(steps=chance.randint(1, 6), metadata={"step_ms": "20"})
            time.sleep(chance.uniform(0, 1))
            told = client.cancel(job, chance.randrange(2)).json()
            shown, record, verdict = client.ended(job, 60), books.record(job), books.verdict(job)
            states = {told["status"], shown["status"], record["state"], verdict and verdict["state"]}
            if len(states) != 1 or bool(shown["outputs"]) != (shown["status"] == "succeeded"):
                wrong.append(f"{job}: {states}, {len(shown['outputs'])} pictures")

    threads = [threading.Thread(target=some, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
