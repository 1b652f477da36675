"""What makes each alert fire: done to a running stack for as long as the `with` lasts, and mended after it."""

import contextlib
import io
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import httpx
from minio import Minio

from system.books import BUCKET, Books
from system.broker import Broker
from system.client import Client
from system.stack import PASSWORD, Stack
from system.wait import until

STORE_BYTES = 256 << 20  # of the file system below S3
DISK_FREE_LIMIT = "1GB"  # of RabbitMQ, where nothing is wrong
_PIECE = 16 << 20


@dataclass(frozen=True)
class Cause:
    """`alerts` by name, or by name and the value of a label: all of them must fire."""

    what: str
    alerts: tuple[str, ...]
    act: Callable[[Stack], AbstractContextManager[object]]


@contextmanager
def stopped(stack: Stack, *parts: str) -> Iterator[None]:
    stack.stop(*parts)
    try:
        yield
    finally:
        stack.start(*parts)


@contextmanager
def asked(stack: Stack) -> Iterator[None]:
    """Somebody polls a job without a pause, whatever is answered."""
    client, over = Client(stack.gateways), threading.Event()
    job = client.accepted()

    def ask() -> None:
        while not over.wait(0.05):
            with contextlib.suppress(httpx.TransportError):
                client.http.get(f"{stack.gateways[0]}/v1/jobs/{job}")

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        over.set()
        asking.join()


@contextmanager
def jobs_without_workers(stack: Stack) -> Iterator[None]:
    with stopped(stack, *stack.workers):
        client = Client(stack.gateways)
        while client.submit().status_code == 202:
            pass
        yield


@contextmanager
def redis_away(stack: Stack) -> Iterator[None]:
    with asked(stack), stopped(stack, "redis"):
        yield


@contextmanager
def late_redis(stack: Stack) -> Iterator[None]:
    with asked(stack), stack.proxy.toxic("redis", "latency", latency=400, jitter=0):
        yield


@contextmanager
def failing_jobs(stack: Stack) -> Iterator[None]:
    client = Client(stack.gateways)
    for seed in range(10):
        client.accepted(seed=seed, metadata={"fault": "nan"})
    yield


@contextmanager
def dying_engines(stack: Stack) -> Iterator[None]:
    """Four times, each as soon as there is one again."""
    for _ in range(4):
        engine = until(lambda: _engines(stack), 30, "an engine runs")[0]
        with contextlib.suppress(ProcessLookupError):
            os.kill(engine, signal.SIGKILL)
        until(lambda engine=engine: engine not in _engines(stack), 10, "it is gone")  # type: ignore[misc]
    yield


def _engines(stack: Stack) -> list[int]:
    return [part.pid for part in stack.parts(stack.workers[0]) if "darkroom_worker.tasks" in part.command]


@contextmanager
def broken_model(stack: Stack) -> Iterator[None]:
    """It cannot be loaded when a worker is started anew."""
    broken = stack.folder / "cache" / "faults" / "spare"
    broken.parent.mkdir(parents=True, exist_ok=True)
    broken.write_text("error@load")
    stack.restart(stack.workers[0])
    try:
        yield
    finally:
        broken.unlink()


@contextmanager
def garbage(stack: Stack) -> Iterator[None]:
    Broker(stack.amqp_url).publish(b"no job", message_id="garbage")
    yield


@contextmanager
def flushed(stack: Stack) -> Iterator[None]:
    Books(stack).redis.flushall()
    yield


@contextmanager
def purged_queue(stack: Stack) -> Iterator[None]:
    with stopped(stack, *stack.workers):
        client = Client(stack.gateways)
        for seed in range(5):
            client.accepted(seed=seed)
        Broker(stack.amqp_url).purge("darkroom.jobs.simulated")
        yield


@contextmanager
def wrong_books(stack: Stack) -> Iterator[None]:
    """A job that is counted and does not exist: nothing that Darkroom does leads to it, so the count is changed by hand."""
    ledger = Books(stack).redis
    ledger.hincrby("ledger", "accepted", 1)
    try:
        yield
    finally:
        ledger.hincrby("ledger", "accepted", -1)


@contextmanager
def frozen_worker(stack: Stack) -> Iterator[None]:
    """As when its machine hangs or is cut off: it says nothing, and no goodbye."""
    parts = stack.freeze("worker-1")
    try:
        yield
    finally:
        stack.thaw(parts)


@contextmanager
def disk_alarm(stack: Stack) -> Iterator[None]:
    rabbitmq(stack, "rabbitmqctl", "set_disk_free_limit", str(900 * 10**12))
    try:
        yield
    finally:
        rabbitmq(stack, "rabbitmqctl", "set_disk_free_limit", DISK_FREE_LIMIT)


def rabbitmq(stack: Stack, program: str, *words: str) -> str:
    """Runs one of RabbitMQ's own commands on the stack's broker; answers what it printed."""
    environment = os.environ | {
        "HOME": str(stack.folder / "rabbitmq"),
        "ERL_EPMD_PORT": str(4379 + int(stack.environment["PORT_OFFSET"])),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
    }
    command = ["/bin/sh", f"/usr/lib/rabbitmq/bin/{program}", "-n", "darkroom@localhost", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def full_store(stack: Stack) -> Iterator[None]:
    """Objects, until the small file system below S3 is nearly full."""
    store = Minio(f"127.0.0.1:{stack.ports['s3']}", "darkroom", PASSWORD, secure=False)
    names = [f"filling/{number}" for number in range(STORE_BYTES // _PIECE - 1)]
    for name in names:
        store.put_object(BUCKET, name, io.BytesIO(bytes(_PIECE)), _PIECE)
    try:
        yield
    finally:
        for name in names:
            store.remove_object(BUCKET, name)


CAUSES = (
    Cause("a gateway is stopped", ("GatewayDown",), lambda stack: stopped(stack, "gateway-1")),
    Cause(
        "every worker is stopped while jobs come until they are refused",
        ("WorkerDown", "NoWorkerReady", "QueueNearlyFull", "QueueFull", "QueueSlow"),
        jobs_without_workers,
    ),
    Cause("a worker is frozen", ("WorkerLost",), frozen_worker),
    Cause("ten jobs draw no picture", ("JobsFailing",), failing_jobs),
    Cause("an engine is killed four times", ("EnginesDying",), dying_engines),
    Cause("a model cannot be loaded any more", ("ModelBarred",), broken_model),
    Cause("a message that is no job", ("DeadLetters",), garbage),
    Cause("a queue with jobs is purged", ("MessagesLost",), purged_queue),
    Cause("the ledger counts a job that does not exist (by hand)", ("JobsUnaccounted",), wrong_books),
    Cause("RabbitMQ lacks disk", ("BrokerAlarm",), disk_alarm),
    Cause("the file system below S3 is filled", ("StoreNearlyFull",), full_store),
    Cause("Redis answers 0.4 s late", ("AnswersSlow",), late_redis),
    Cause(
        "RabbitMQ is stopped",
        ("DependencyDown rabbitmq", "ExporterDown rabbitmq"),
        lambda stack: stopped(stack, "rabbitmq"),
    ),
    Cause("S3 is stopped", ("DependencyDown s3", "ExporterDown s3"), lambda stack: stopped(stack, "s3")),
    Cause(
        "Redis is stopped while somebody asks", ("DependencyDown redis", "ServerErrors", "JanitorIdle"), redis_away
    ),
    Cause("Redis is emptied", ("RedisLostData",), flushed),
)  # fmt: skip
