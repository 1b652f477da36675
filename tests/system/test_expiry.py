"""What is over is 410 for its owner, and only for its owner."""

from system.books import RETENTION, Books
from system.client import Client, lasting
from system.wait import until

DAY = 86_400_000  # ms


def test_a_deleted_job_and_its_pictures_are_gone(client: Client, books: Books) -> None:
    job = client.accepted()
    url = client.succeeded(job)["outputs"][0]["url"]
    assert client.delete(job).status_code == 204
    assert client.request("GET", f"/v1/jobs/{job}").status_code == 410
    assert client.request("GET", url).status_code == 410
    assert client.delete(job).status_code in (204, 410)
    assert books.objects(job) == [f"results/{job}/verdict.json"]
    verdict = books.verdict(job)
    assert verdict is not None
    assert verdict["state"] == "deleted"
    assert client.request("GET", "/v1/jobs").json()["total"] == 0


def test_a_running_job_that_is_deleted_ends_first(client: Client, books: Books) -> None:
    job = client.accepted(**lasting(60))
    worker = client.running(job)["worker"]
    assert client.delete(job).status_code == 204
    assert client.request("GET", f"/v1/jobs/{job}").status_code == 410
    until(lambda: job not in books.held(worker), 20, "the worker lets go of it")


def test_a_job_past_its_retention_expires(client: Client, books: Books) -> None:
    job = client.accepted()
    client.succeeded(job)
    books.redis.zadd("gc", {job: 1})
    books.redis.hset(f"job:{job}", "expires_at", "1")
    until(lambda: client.request("GET", f"/v1/jobs/{job}").status_code == 410, 20, "the janitor buries it")
    until(lambda: books.objects(job) in ([], [f"results/{job}/verdict.json"]), 20, "its pictures are removed")


def test_an_id_older_than_the_retention_is_gone_without_any_record(client: Client, books: Books) -> None:
    owner = books.owner(client.accepted())
    old = books.mint(owner, books.now() - RETENTION * 1000 - DAY // 2, 600)
    assert client.request("GET", f"/v1/jobs/{old}").status_code == 410


def test_a_strangers_deleted_job_is_unknown_not_gone(stack_clients: tuple[Client, Client]) -> None:
    mine, stranger = stack_clients
    job = mine.accepted()
    mine.delete(job)
    assert stranger.request("GET", f"/v1/jobs/{job}").status_code == 404
