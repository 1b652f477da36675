"""One Darkroom for the whole session, private and whole; each test begins with all of it well."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from system.books import Books
from system.broker import Broker
from system.client import Client
from system.command import Command
from system.stack import Stack
from system.wait import until

OFFSET = int(os.environ.get("TEST_PORT_OFFSET", "3000"))


@pytest.fixture(scope="session")
def running_stack() -> Iterator[Stack]:
    """Brought up once; KEEP_STACK=folder keeps its data and logs there."""
    kept = os.environ.get("KEEP_STACK")
    with tempfile.TemporaryDirectory(prefix="darkroom-tests-") as folder:
        stack = Stack(Path(kept or folder), OFFSET)
        try:
            stack.up()
            yield stack
            until(lambda: not Books(stack).live(), 60, "every job of every test has ended")
        finally:
            stack.down()


@pytest.fixture
def stack(running_stack: Stack) -> Iterator[Stack]:
    """The stack, well. Whatever the test broke is mended before the next one, and its books must add up."""
    running_stack.until_ready()
    yield running_stack
    running_stack.proxy.mend()
    assert Books(running_stack).unaccounted() == 0


@pytest.fixture
def books(running_stack: Stack) -> Books:
    return Books(running_stack)


@pytest.fixture
def broker(running_stack: Stack) -> Broker:
    return Broker(running_stack.amqp_url)


@pytest.fixture
def client(stack: Stack) -> Client:
    """A caller with a cookie of its own."""
    return Client(stack.gateways)


@pytest.fixture
def darkroom(stack: Stack) -> Command:
    """The operator's command, set for this stack."""
    return Command(stack)


@pytest.fixture
def stack_clients(stack: Stack) -> tuple[Client, Client]:
    """Two callers who do not know each other."""
    return Client(stack.gateways), Client(stack.gateways)
