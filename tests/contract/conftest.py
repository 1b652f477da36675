"""A private Redis for the contract tests: the real server on a free loopback port, gone when they end."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from contract.scripts import Scripts


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of an empty Redis; skipped where there is no redis-server, except in CI."""
    binary = shutil.which("redis-server")
    if binary is None:
        if os.environ.get("CI"):
            pytest.fail("redis-server is not installed: apt-get install redis-server")
        pytest.skip("redis-server is not installed")
    port = free_port()
    folder: Path = tmp_path_factory.mktemp("redis")
    server = subprocess.Popen(
        [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )
    client = redis.Redis(port=port, decode_responses=True)
    try:
        until_it_answers(client)
        yield client
    finally:
        client.close()
        server.terminate()
        server.wait(10)


def until_it_answers(client: Any) -> None:
    limit = time.monotonic() + 10
    while True:
        try:
            client.ping()
            return
        except redis.ConnectionError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.02)


@pytest.fixture
def ledger(redis_server: Any) -> Scripts:
    """The scripts on an emptied Redis, at a time of the test's own."""
    redis_server.flushall()
    return Scripts(redis_server)
