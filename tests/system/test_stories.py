"""The stories that broke the first drafts of the protocol, each provoked as far as it can be from outside.

contract/model/ tells them to a model checker; here they happen to the real thing.
"""

import threading
import time
from typing import Any

import httpx
import pytest

from system.books import Books
from system.broker import DEAD, Broker
from system.client import Client, lasting
from system.stack import Stack
from system.test_losses import occupy
from system.wait import until


def outcome(books: Books, job: str) -> tuple[str, list[str]]:
    """The state in Redis and the SHA-256 of the pictures that the verdict names."""
    verdict = books.verdict(job)
    assert verdict is not None
    return books.record(job)["state"], [image["sha256"] for image in verdict.get("images", [])]


@pytest.mark.timeout(120)
def test_lost_replies_to_the_end_of_a_job_delete_nothing_that_is_shown(
    stack: Stack, client: Client, books: Books
) -> None:
    jobs = [client.accepted(**lasting(0.5)) for _ in range(20)]
    end = time.monotonic() + 6
    while time.monotonic() < end:
        with stack.proxy.away("redis"):  # every reply on its way is lost, also that to a settle
            time.sleep(0.1)
        time.sleep(0.4)
    for job in jobs:
        seen = client.succeeded(job, 60)
        assert outcome(books, job) == ("succeeded", [output["sha256"] for output in seen["outputs"]])


def test_a_canceled_job_does_not_come_back_to_life_with_a_flush(stack: Stack, client: Client, books: Books) -> None:
    busy = occupy(client, stack, 20)
    job = client.accepted()
    assert client.cancel(job).json()["status"] == "canceled"
    books.redis.flushall()
    for other in busy:
        client.cancel(other)
    client.succeeded(client.accepted(), 40)
    assert client.job(job)["status"] == "canceled"
    assert books.objects(job) == [f"results/{job}/verdict.json"]


def test_a_job_whose_end_redis_lost_ends_the_same_way_again(client: Client, books: Books, broker: Broker) -> None:
    message = books.message(books.owner(client.accepted()), books.now())
    broker.publish_job(message)
    job = message["id"]
    client.succeeded(job)
    first = outcome(books, job)
    # The last second of Redis is gone: the record says queued again, and a copy of the message is still about.
    books.redis.hdel(f"job:{job}", "verdict", "completed_at", "expires_at")
    books.redis.zrem("gc", job)
    books.redis.sadd("open", job)
    books.redis.hincrby("ledger", "succeeded", -1)
    fields = {
        "spec": "{}",
        "input": "{}",
        "warnings": "[]",
        "metadata": "{}",
        "state": "queued",
        "stage": "waiting",
        "attempt": "1",
    }
    books.redis.hset(f"job:{job}", mapping=fields)
    broker.publish_job(message)
    until(lambda: books.record(job)["state"] == "succeeded", 20, "it ends again")
    assert outcome(books, job) == first


@pytest.mark.timeout(120)
def test_a_submit_that_was_refused_never_runs_not_even_after_a_flush(
    stack: Stack, client: Client, books: Books
) -> None:
    client.accepted()
    before = set(books.redis.keys("job:*"))
    stack.proxy.hold("rabbitmq")  # messages reach the queue, confirms reach nobody
    answer = client.submit()
    made = [key.removeprefix("job:") for key in set(books.redis.keys("job:*")) - before]
    if answer.status_code == 202:
        stack.proxy.mend()
        client.succeeded(answer.json()["id"], 60)
        return
    assert answer.status_code == 503
    books.redis.flushall()
    stack.proxy.mend()
    stack.until_ready()
    client.succeeded(client.accepted(), 60)
    for job in made:
        assert books.objects(job) == [f"results/{job}/verdict.json"]
        assert client.request("GET", f"/v1/jobs/{job}").status_code == 404


@pytest.mark.timeout(120)
def test_a_replay_is_not_told_202_for_a_job_that_is_then_refused(stack: Stack, client: Client) -> None:
    client.accepted()
    stack.proxy.hold("rabbitmq")
    answers: list[httpx.Response | None] = []

    def submit(gateway: int) -> None:
        try:
            answers.append(client.submit(key="story", gateway=gateway))
        except httpx.TransportError:
            answers.append(None)

    threads = [threading.Thread(target=submit, args=(number % 2,)) for number in range(4)]
    for thread in threads:
        thread.start()
        time.sleep(0.2)  # one after the other; the order matters to the story, not to the test
    for thread in threads:
        thread.join()
    stack.proxy.mend()
    stack.until_ready()
    for answer in answers:
        if answer is not None and answer.status_code == 202:
            client.succeeded(answer.json()["id"], 60)
        else:
            assert answer is None or answer.status_code == 503


def test_a_job_without_attempts_left_is_not_tried_once_more(stack: Stack, client: Client, books: Books) -> None:
    busy = occupy(client, stack, 20)
    job = client.accepted()
    books.redis.hset(f"job:{job}", "attempt", "3")  # as if three workers had died of it
    for other in busy:
        client.cancel(other)
    ended = client.ended(job)
    assert (ended["status"], ended["error"]["code"], ended["attempt"]) == ("failed", "worker_lost", 3)


def lost_job(client: Client, books: Books, seconds: int) -> dict[str, Any]:
    return books.message(books.owner(client.accepted()), books.now() - 3000, seconds)


def test_a_job_shown_as_lost_stays_lost(client: Client, books: Books, broker: Broker) -> None:
    message = lost_job(client, books, 1)
    seen = client.job(message["id"])
    assert (seen["status"], seen["error"]["code"]) == ("failed", "state_lost")
    broker.publish_job(message)
    client.succeeded(client.accepted())
    assert client.job(message["id"])["error"]["code"] == "state_lost"


def test_an_accepted_job_without_a_record_is_recovering_until_it_is_found(
    client: Client, books: Books, broker: Broker
) -> None:
    message = lost_job(client, books, 60)
    seen = client.job(message["id"])
    assert (seen["status"], seen["stage"]) == ("running", "recovering")
    broker.publish_job(message)
    client.succeeded(message["id"])


@pytest.mark.timeout(150)
def test_the_sweep_deletes_no_result_whose_record_is_lost(client: Client, books: Books) -> None:
    job = client.accepted()
    client.succeeded(job)
    result = books.objects(job)
    books.put_object(f"results/{job}/1-deadbeef/0.png", b"of an attempt that lost")
    books.redis.flushall()
    until(lambda: books.objects(job) == result, 90, "the sweep was here: what no verdict names is gone")
    client.succeeded(job)


def test_a_dead_copy_does_not_fail_a_healthy_job(client: Client, books: Books, broker: Broker) -> None:
    message = books.message(books.owner(client.accepted()), books.now(), step_ms="400")
    broker.publish_job(message)
    client.running(message["id"])
    broker.publish(b"{}", "simulated", DEAD, message_id=message["id"], headers={"reason": "garbage: a copy"})
    broker.publish_job(message, exchange=DEAD)
    until(lambda: broker.depth(DEAD) == 0, 10, "the undertaker has seen both")
    client.succeeded(message["id"])
