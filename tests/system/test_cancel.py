"""A cancel ends a job wherever it is, and never undoes an end."""

import pytest

from system.books import Books
from system.client import Client, lasting
from system.stack import Stack
from system.wait import until


def test_a_queued_job_is_canceled_at_once_and_never_runs(client: Client, books: Books, stack: Stack) -> None:
    busy = [client.accepted(**lasting(20)) for _ in stack.workers]
    for job in busy:
        client.running(job)
    queued = client.accepted()
    canceled = client.cancel(queued)
    assert (canceled.status_code, canceled.json()["status"]) == (200, "canceled")
    for job in busy:
        client.cancel(job)
    client.succeeded(client.accepted())  # a later job of the same queue went through, so its message was met
    assert (client.job(queued)["status"], client.job(queued)["attempt"]) == ("canceled", 0)
    assert books.objects(queued) == [f"results/{queued}/verdict.json"]


def test_a_running_job_is_canceled_and_the_worker_is_free_before_it_would_have_ended(
    client: Client, books: Books
) -> None:
    job = client.accepted(**lasting(60))
    worker = client.running(job)["worker"]
    assert client.cancel(job).json()["status"] == "canceled"
    until(lambda: job not in books.held(worker), 20, "the worker lets go of it")
    assert client.job(job)["status"] == "canceled"


def test_a_cancel_can_be_repeated(client: Client) -> None:
    job = client.accepted(**lasting(20))
    first = client.cancel(job).json()
    assert client.cancel(job).json() == first


def test_a_finished_job_is_left_as_it_is(client: Client) -> None:
    job = client.accepted()
    ended = client.succeeded(job)
    assert client.cancel(job).json() == ended


@pytest.mark.timeout(120)
def test_cancels_at_many_moments_end_each_job_once(client: Client) -> None:
    jobs = [client.accepted(steps=1 + number % 5) for number in range(24)]
    answers = {job: client.cancel(job).json()["status"] for job in jobs}
    for job in jobs:
        ended = client.ended(job)
        assert ended["status"] in ("succeeded", "canceled")
        assert answers[job] == ended["status"], "the answer to a cancel is the job's end"
        assert bool(ended["outputs"]) == (ended["status"] == "succeeded")
