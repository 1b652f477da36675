"""A backup taken under load, everything wiped, the backup brought back: every job accepted before it is readable or ends."""

import threading
from pathlib import Path

import pytest

from system.books import Books
from system.broker import Broker
from system.client import Client, lasting
from system.command import Command
from system.stack import Stack
from system.wait import until

QUEUES = ("darkroom.jobs.simulated", "darkroom.jobs.spare", "darkroom.dead", "darkroom.delay.5s")


@pytest.mark.timeout(240)
def test_what_was_accepted_before_a_backup_survives_the_loss_of_everything(
    stack: Stack, darkroom: Command, client: Client, books: Books, broker: Broker, tmp_path: Path
) -> None:
    key = darkroom("keys", "add", "Ann", "--json").json["key"]
    ann = Client(stack.gateways, key)
    until(lambda: ann.submit().status_code == 202, 5, "her key is known")
    ended = {job: client.succeeded(job) for job in [client.accepted(seed=seed, n=2) for seed in range(6)]}
    canceled = client.accepted(**lasting(30))
    client.cancel(canceled)
    live = [client.accepted(**lasting(1)) for _ in range(30)] + [ann.accepted(**lasting(1))]

    with Load(stack):
        taken = darkroom("backup", str(tmp_path / "kept"), "--json")
    assert taken.status == 0, taken.err
    assert darkroom("backup", str(tmp_path / "kept")).status == 2, "a second one wants a folder of its own"
    assert darkroom("restore", str(tmp_path / "kept")).status == 5, "it is not restored over what is there"

    stack.stop("worker", "gateway")
    books.wipe()
    for queue in QUEUES:
        broker.delete(queue)
    (stack.folder / "api-keys").unlink()
    restored = darkroom("restore", str(tmp_path / "kept"))
    assert restored.status == 0, restored.err
    books.end_leases()  # as if a minute had gone by since the backup, as it would have
    stack.start("gateway", "worker")
    stack.until_ready()

    for job, before in ended.items():
        assert client.succeeded(job)["outputs"] == before["outputs"]
    assert client.job(canceled)["status"] == "canceled"
    for job in live[:-1]:
        client.succeeded(job, 90)
    ann.succeeded(live[-1], 90)
    until(lambda: not books.live(), 90, "those that were accepted meanwhile have ended too")


class Load:
    """Somebody submits all the while."""

    def __init__(self, stack: Stack) -> None:
        self._client = Client(stack.gateways)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._submit)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _submit(self) -> None:
        while not self._over.wait(0.02):
            self._client.submit(model="spare")


def test_half_a_backup_is_refused(darkroom: Command, tmp_path: Path) -> None:
    (tmp_path / "s3").mkdir()
    refused = darkroom("restore", str(tmp_path))
    assert (refused.status, "manifest.json" in refused.err) == (5, True)
