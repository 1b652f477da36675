"""With all janitors dead every read still ends what must have ended."""

import subprocess
from collections.abc import Iterator

import httpx
import pytest

from system.books import Books
from system.client import Client, lasting
from system.stack import Stack
from system.wait import until


@pytest.fixture
def lone_gateway(stack: Stack) -> Iterator[Client]:
    """A caller of the only gateway there is, which runs without a janitor."""
    stack.stop("gateway")
    port = int(stack.environment["PORT_OFFSET"]) + 8080
    environment = stack.environment | {
        "GATEWAY_JANITOR": "false",
        "GATEWAY_ADDR": f"127.0.0.1:{port}",
        "GATEWAY_ADMIN_ADDR": f"127.0.0.1:{port + 1}",
        "S3_ACCESS_KEY": "darkroom",
    }
    gateway = subprocess.Popen(
        [stack.folder / "bin" / "darkroom-gateway"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: httpx.get(f"http://127.0.0.1:{port + 1}/readyz").is_success, 30, "it is ready")
        yield Client(stack.gateways[:1])
    finally:
        gateway.kill()
        gateway.wait()
        stack.start("gateway")


def test_a_poll_ends_a_job_past_its_deadline(lone_gateway: Client, stack: Stack, books: Books) -> None:
    client = lone_gateway
    busy = [client.accepted(**lasting(60)) for _ in stack.workers]
    for job in busy:
        client.running(job)
    queued = client.accepted(deadline_seconds=1)
    recovering = books.message(books.owner(queued), books.now(), 1)["id"]
    assert client.job(recovering)["stage"] == "recovering"
    ended = client.ended(queued)
    assert (ended["status"], ended["error"]["code"]) == ("failed", "deadline")
    assert client.ended(recovering)["error"]["code"] == "state_lost"
    for job in busy:
        assert client.cancel(job).json()["status"] == "canceled"


def test_a_read_seals_what_was_decided_without_s3(lone_gateway: Client, stack: Stack, books: Books) -> None:
    client = lone_gateway
    job = client.accepted(**lasting(20))
    client.running(job)
    with stack.proxy.away("s3"):
        assert client.cancel(job).json()["status"] == "canceled"
    until(lambda: client.job(job)["status"] == "canceled" and books.verdict(job), 10, "a read seals it")
