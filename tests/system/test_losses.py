"""A store forgets, a queue disappears, S3 is away: nothing that was accepted is lost by it."""

import time

import httpx
import pytest

from system.books import Books
from system.broker import JOBS, Broker
from system.client import Client, lasting
from system.stack import QUEUE_LIMIT, Stack
from system.wait import until

# The longest that this catalogue lets a stage of drawing stand still: a job that waits for S3 outlasts it.
STALL_SECONDS = 10
CONFIRM_SECONDS = 5  # a gateway waits so long for the broker's word
DELAY = "darkroom.delay.5s"


def occupy(client: Client, stack: Stack, seconds: float) -> list[str]:
    """One running job on every worker."""
    jobs = [client.accepted(**lasting(seconds)) for _ in stack.workers]
    for job in jobs:
        client.running(job)
    return jobs


@pytest.mark.timeout(150)
def test_an_emptied_redis_loses_no_job_and_changes_no_answer(stack: Stack, client: Client, books: Books) -> None:
    finished = {job: client.succeeded(job) for job in [client.accepted(seed=number) for number in range(3)]}
    running = occupy(client, stack, 4)
    queued = [client.accepted(**lasting(0.3)) for _ in range(8)]
    canceled = [client.accepted() for _ in range(2)]
    for job in canceled:
        assert client.cancel(job).json()["status"] == "canceled"

    books.redis.flushall()

    for job in (*running, *queued):
        client.succeeded(job, 60)
    for job, before in finished.items():
        after = client.succeeded(job)
        assert after["outputs"] == before["outputs"]
    for job in canceled:
        assert client.ended(job)["status"] == "canceled"
        assert books.objects(job) == [f"results/{job}/verdict.json"]
    assert books.unaccounted() == 0


@pytest.mark.timeout(200)
def test_a_deleted_and_a_purged_queue_are_filled_again(
    stack: Stack, client: Client, books: Books, broker: Broker
) -> None:
    busy = occupy(client, stack, 8)
    lost = [client.accepted(model=model) for model in ("spare", "simulated") for _ in range(10)]
    broker.delete("darkroom.jobs.spare")
    broker.purge("darkroom.jobs.simulated")
    for job in busy:
        client.succeeded(job, 30)
    for job in lost:
        client.succeeded(job, 100)
    assert broker.exists("darkroom.jobs.spare")
    assert books.unaccounted() == 0


@pytest.mark.timeout(120)
def test_a_message_that_finds_no_queue_when_its_delay_ends_is_tried_again_soon(stack: Stack, broker: Broker) -> None:
    broker.publish(b"{}", "nowhere", DELAY)
    until(lambda: broker.depth(DELAY) == 0, 10, "its delay has ended")
    with broker.channel() as channel:
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, JOBS, "nowhere")
        until(lambda: channel.queue_declare(queue, passive=True).method.message_count, 30, "it is there, within 10 s")


def test_a_deleted_exchange_is_declared_again(client: Client, broker: Broker) -> None:
    broker.delete_exchange("darkroom.jobs")
    for model in ("simulated", "spare"):
        until(lambda: client.submit(model=model, key=model).status_code == 202, 30, "it is taken")  # noqa: B023
        client.succeeded(client.accepted(model=model, key=model), 60)


@pytest.mark.timeout(150)
def test_pictures_wait_for_an_s3_that_is_away(stack: Stack, client: Client) -> None:
    drawn = client.accepted(**lasting(1))
    client.running(drawn)
    with stack.proxy.away("s3"):
        until(lambda: (client.poll(drawn) or {}).get("stage") == "uploading", 15, "it has been drawn and waits for S3")
        end = time.monotonic() + STALL_SECONDS + 1
        until(lambda: time.monotonic() > end or client.job(drawn)["status"] != "running", 30, "S3 stays away")
        assert client.job(drawn)["status"] == "running"
    assert client.succeeded(drawn, 40)["attempt"] == 1, "it is not drawn again"


@pytest.mark.timeout(120)
def test_a_cancel_while_s3_is_away_counts_and_is_sealed_later(stack: Stack, client: Client, books: Books) -> None:
    busy = occupy(client, stack, 20)
    job = client.accepted()
    with stack.proxy.away("s3"):
        assert client.cancel(job).json()["status"] == "canceled"
        assert books.redis.zscore("unsealed", job) is not None
    until(lambda: (books.verdict(job) or {}).get("state") == "canceled", 30, "the sealer writes the verdict")
    until(lambda: books.redis.zscore("unsealed", job) is None, 10, "it is sealed")
    for other in busy:
        client.cancel(other)
    assert client.job(job)["status"] == "canceled"


def test_a_deadline_holds_behind_a_full_queue(stack: Stack, client: Client) -> None:
    busy = occupy(client, stack, 60)
    waiting = [client.accepted() for _ in range(QUEUE_LIMIT - 1)]
    job = client.accepted(deadline_seconds=1)
    refused = client.submit()
    assert (refused.status_code, refused.json()["code"]) == (429, "queue_full")
    assert int(refused.headers["Retry-After"]) >= 1
    ended = client.ended(job)
    assert (ended["status"], ended["error"]["code"]) == ("failed", "deadline")
    for other in (*waiting, *busy):
        assert client.cancel(other).json()["status"] == "canceled"


def test_a_running_job_past_its_deadline_is_stopped(client: Client, books: Books) -> None:
    job = client.accepted(**lasting(60), deadline_seconds=3)
    worker = client.running(job)["worker"]
    ended = client.ended(job)
    assert (ended["status"], ended["error"]["code"], ended["error"]["retryable"]) == ("failed", "deadline", True)
    until(lambda: job not in books.held(worker), 20, "the worker lets go of it")


def test_a_job_that_is_taken_into_an_unbound_queue_is_in_it(client: Client, broker: Broker) -> None:
    broker.unbind("darkroom.jobs.spare")
    answer = client.submit(model="spare")
    assert answer.status_code in (202, 503)
    if answer.status_code == 202:
        client.succeeded(answer.json()["id"], 60)


@pytest.mark.timeout(90)
def test_a_consumer_that_the_broker_cancels_comes_back(client: Client, broker: Broker) -> None:
    broker.delete("darkroom.jobs.spare")  # which cancels every consumer of it
    # The gateway declares it anew; nobody consumes it.
    job = until(lambda: taken(client.submit(model="spare", key="spare")), 20, "a job is taken")
    client.succeeded(job, 60)


def taken(answer: httpx.Response) -> str:
    """The id of an accepted job, "" where the service is not able to take one."""
    assert answer.status_code in (200, 202, 503), answer.text
    return "" if answer.status_code == 503 else str(answer.json()["id"])


@pytest.mark.timeout(120)
def test_a_broker_without_memory_takes_nothing_and_lets_what_runs_end(stack: Stack, client: Client) -> None:
    running = client.accepted(**lasting(2))
    client.running(running)
    with stack.memory_alarm():
        for gateway in range(len(stack.gateways)):
            began = time.monotonic()
            answer = client.submit(gateway=gateway)
            assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable")
            assert time.monotonic() - began < CONFIRM_SECONDS, "it was told of the alarm and did not wait for a confirm"
        assert client.succeeded(running)["attempt"] == 1
    client.succeeded(until(lambda: taken(client.submit(key="after")), 30, "jobs are taken again"))


@pytest.mark.timeout(90)
def test_a_broker_that_is_away_is_a_503_and_nothing_runs(stack: Stack, client: Client, books: Books) -> None:
    client.accepted()
    before = set(books.redis.keys("job:*"))
    with stack.proxy.away("rabbitmq"):
        answer = client.submit()
        assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
    stack.until_ready()
    for key in set(books.redis.keys("job:*")) - before:
        assert books.record(key.removeprefix("job:"))["state"] in ("abandoned", "tombstone")


def test_a_redis_that_is_away_is_a_503(stack: Stack, client: Client) -> None:
    job = client.accepted()
    with stack.proxy.away("redis"):
        assert client.submit().json()["code"] == "ledger_unavailable"
        answer = client.request("GET", f"/v1/jobs/{job}")
        assert (answer.status_code, answer.json()["code"]) == (503, "ledger_unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
    stack.until_ready()
    client.succeeded(job, 60)  # a claim whose answer was lost waits for its own lease to end


@pytest.mark.timeout(120)
def test_a_redis_without_memory_takes_nothing_and_loses_nothing(stack: Stack, client: Client, books: Books) -> None:
    running = client.accepted(**lasting(1.5))
    client.running(running)
    books.redis.config_set("maxmemory", "100kb")
    try:
        answer = client.submit()
        assert (answer.status_code, answer.json()["code"]) == (503, "ledger_unavailable")
        until(lambda: books.verdict(running), 20, "the job goes on to its verdict")
    finally:
        books.redis.config_set("maxmemory", "0")
    client.succeeded(running)
    client.succeeded(client.accepted())


def test_forgotten_scripts_are_not_noticed(client: Client, books: Books) -> None:
    books.redis.script_flush()
    client.succeeded(client.accepted())


@pytest.mark.timeout(120)
def test_a_slow_redis_doubles_nothing(stack: Stack, client: Client) -> None:
    stack.proxy.slow("redis", 800)
    job = client.accepted(key="slow")
    assert client.accepted(key="slow") == job
    assert client.succeeded(job, 60)["attempt"] == 1


@pytest.mark.timeout(120)
def test_a_broker_whose_connections_break_again_and_again_loses_nothing(stack: Stack, client: Client) -> None:
    jobs = [client.accepted(**lasting(1)) for _ in range(12)]
    end = time.monotonic() + 10
    while time.monotonic() < end:
        time.sleep(2)
        with stack.proxy.away("rabbitmq"):
            time.sleep(0.1)
    for job in jobs:
        client.succeeded(job, 75)


def test_a_damaged_picture_is_never_served(client: Client, books: Books) -> None:
    job = client.accepted(n=2)
    outputs = client.succeeded(job)["outputs"]
    pictures = [name for name in books.objects(job) if not name.endswith("verdict.json")]
    books.put_object(pictures[0], b"not a picture")
    books.remove_object(pictures[1])
    for output in outputs:
        answer = client.request("GET", output["url"])
        assert (answer.status_code, answer.json()["code"]) == (410, "result_lost")
    assert client.job(job)["status"] == "succeeded"
