"""Several workers, one queue."""

from system.books import Books
from system.client import Client, lasting
from system.stack import Stack
from system.wait import until


def test_the_workers_share_one_queue(client: Client) -> None:
    jobs = [client.accepted(**lasting(0.3)) for _ in range(12)]
    ended = [client.succeeded(job, 60) for job in jobs]
    assert len({job["worker"] for job in ended}) > 1
    assert {job["attempt"] for job in ended} == {1}


def test_a_drain_costs_no_attempt_and_loses_nothing(stack: Stack, client: Client, books: Books) -> None:
    # Longer than the grace, so that it must be given back.
    running = client.accepted(**lasting(8))
    worker = client.running(running)["worker"]
    waiting = [client.accepted() for _ in range(4)]
    stack.restart(worker.replace("unit", "worker"))
    for job in waiting:
        client.succeeded(job, 60)
    assert client.succeeded(running, 60)["attempt"] == 1


def test_the_models_tell_how_many_workers_are_alive(stack: Stack, client: Client) -> None:
    def alive() -> int:
        models = client.request("GET", "/v1/models").json()["models"]
        return int(next(model["workers"] for model in models if model["id"] == "simulated"))

    until(lambda: alive() == len(stack.workers), 30, "all are seen")
    stack.stop(stack.workers[-1])
    until(lambda: alive() == len(stack.workers) - 1, 30, "one less")
    stack.start(stack.workers[-1])
    until(lambda: alive() == len(stack.workers), 30, "all again")
