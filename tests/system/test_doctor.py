"""The doctor finds each of these broken set-ups, and what it advises mends it."""

import http.client
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
import pika
import pytest

from observe import causes
from system.books import Books
from system.command import Command
from system.stack import PASSWORD, Stack
from system.wait import until

CLOCK = "CLOCK_OFF_BY"
NOWHERE = "127.0.0.1:9"  # the port of "discard": nobody listens


@dataclass(frozen=True)
class House:
    """What a set-up may be broken with."""

    stack: Stack
    darkroom: Command
    folder: Path

    def findings(self, settings: dict[str, str]) -> dict[str, dict[str, Any]]:
        """By their code; of several with one code the first."""
        answer = self.darkroom("doctor", "--json", **settings)
        found = {item["code"]: item for item in reversed(answer.json["findings"])}
        assert (answer.status == 1) == any(item["grave"] for item in found.values()), answer.err
        return found


Broken = Callable[[House], Any]  # a context manager that yields the settings of the broken set-up


@contextmanager
def own_redis(house: House, *options: str) -> Iterator[dict[str, str]]:
    """A Redis beside the stack's: what is broken here hurts nobody else."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = [
        "redis-server",
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(house.folder),
        *options,
    ]
    server = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    try:
        until(lambda: _listens(port), 10, "it listens")
        yield {"REDIS_URL": f"redis://127.0.0.1:{port}/0"}
    finally:
        server.terminate()
        server.wait()


def _listens(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port)):
        return True


@contextmanager
def own_vhost(house: House, spoil: Callable[[Any], object]) -> Iterator[dict[str, str]]:
    """A virtual host beside the stack's, in which something is there already."""
    port = 15682 + int(house.stack.environment["PORT_OFFSET"])
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/api", auth=("darkroom", PASSWORD), timeout=10) as management:
        management.put("/vhosts/broken").raise_for_status()
        url = f"amqp://darkroom:{PASSWORD}@127.0.0.1:{house.stack.ports['rabbitmq']}/broken"
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        management.put("/permissions/broken/darkroom", json=everything).raise_for_status()
        try:
            with in_vhost(url) as channel:
                spoil(channel)
            yield {"RABBITMQ_URL": url}
        finally:
            management.delete("/vhosts/broken").raise_for_status()


@contextmanager
def in_vhost(url: str) -> Iterator[Any]:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        yield connection.channel()
    finally:
        connection.close()


@contextmanager
def forgetful_proxy(house: House) -> Iterator[dict[str, str]]:
    """Before the stack's S3, and drops If-None-Match on the way."""
    port = house.stack.ports["s3"]

    class Forward(BaseHTTPRequestHandler):
        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kept = {name: value for name, value in self.headers.items() if name.lower() != "if-none-match"}
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request(self.command, self.path, body, kept)
            answer = connection.getresponse()
            content = answer.read()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)
            connection.close()

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = forward  # noqa: N815 - names of the base class

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Forward)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield {"S3_ENDPOINT": f"127.0.0.1:{server.server_address[1]}"}
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def drained_worker(house: House) -> Iterator[dict[str, str]]:
    books = Books(house.stack)
    books.redis.set("drain:unit-0", "1")
    try:
        yield {}
    finally:
        books.redis.delete("drain:unit-0")


@contextmanager
def open_key_file(house: House) -> Iterator[dict[str, str]]:
    file = house.folder / "secret"
    file.write_text(PASSWORD)
    file.chmod(0o644)
    yield {"S3_SECRET_KEY_FILE": str(file)}


def settings(**values: str) -> Broken:
    @contextmanager
    def broken(_: House) -> Iterator[dict[str, str]]:
        yield values

    return broken


@contextmanager
def slow_clock(house: House) -> Iterator[dict[str, str]]:
    """The command's clock, as far as its requests to S3 tell it, is off by this many seconds."""

    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=int(os.environ.get(CLOCK, "0")))

    with mock.patch("minio.time.utcnow", now):
        yield {CLOCK: "-7200"}


@contextmanager
def disk_alarm(house: House) -> Iterator[dict[str, str]]:
    with causes.disk_alarm(house.stack):
        yield {}


def replica(house: House) -> Any:
    """Of the stack's own Redis."""
    return own_redis(house, "--replicaof", "127.0.0.1", str(house.stack.ports["redis"]))


def empty_key_file(house: House) -> Any:
    file = house.folder / "no-keys"
    file.touch(mode=0o600)
    return settings(GATEWAY_ANONYMOUS="false", GATEWAY_API_KEYS_FILE=str(file))(house)


def classic_queue(house: House) -> Any:
    return own_vhost(house, lambda channel: channel.queue_declare("darkroom.delay.5s", durable=True))


def topic_exchange(house: House) -> Any:
    return own_vhost(house, lambda channel: channel.exchange_declare("darkroom.jobs", "topic", durable=True))


def amqp(house: House, user: str = "darkroom", password: str = PASSWORD, vhost: str = "") -> Any:
    where = f"127.0.0.1:{house.stack.ports['rabbitmq']}/{vhost}"
    return settings(RABBITMQ_URL=f"amqp://{user}:{password}@{where}")(house)


BROKEN: dict[str, tuple[str, Broken]] = {
    "Redis is away": ("redis_away", settings(REDIS_URL=f"redis://{NOWHERE}/0")),
    "Redis wants a password": ("redis_credentials", lambda house: own_redis(house, "--requirepass", "other")),
    "Redis evicts": ("redis_evicts", lambda house: own_redis(house, "--maxmemory-policy", "allkeys-lru")),
    "Redis logs nothing": ("redis_no_aof", lambda house: own_redis(house, "--appendonly", "no")),
    "Redis is a replica": ("redis_replica", replica),
    "Redis is full": ("redis_full", lambda house: own_redis(house, "--maxmemory", "800kb")),
    "RabbitMQ is away": ("rabbitmq_away", settings(RABBITMQ_URL=f"amqp://a:b@{NOWHERE}/")),
    "RabbitMQ knows another password": ("rabbitmq_credentials", lambda house: amqp(house, password="other")),  # noqa: S106
    "RabbitMQ has no such virtual host": ("rabbitmq_vhost", lambda house: amqp(house, vhost="nowhere")),
    "RabbitMQ lacks disk": ("rabbitmq_alarm", disk_alarm),
    "a queue has other arguments": ("other_queue", classic_queue),
    "the exchange is of another type": ("other_exchange", topic_exchange),
    "S3 is away": ("s3_away", settings(S3_ENDPOINT=NOWHERE)),
    "S3 knows another secret": ("s3_credentials", settings(S3_SECRET_KEY="another-secret")),  # noqa: S106
    "S3 has no such bucket": ("no_bucket", settings(S3_BUCKET="another-bucket")),
    "S3 lets the second writer win": ("s3_overwrites", forgetful_proxy),
    "the clock is slow": ("clock", slow_clock),
    "S3 speaks no TLS": ("s3_tls", settings(S3_SECURE="true")),
    "an id key is too short": ("bad_setting", settings(GATEWAY_ID_KEYS="5a" * 31)),
    "a URL is none": ("bad_setting", settings(REDIS_URL="127.0.0.1:6379")),
    "RETENTION is too short": ("bad_setting", settings(RETENTION="59")),
    "a file is not there": ("no_file", settings(MODELS_FILE="/nowhere/models.yaml")),
    "a try may last longer than the broker waits": ("job_limit", settings(WORKER_JOB_LIMIT="1000")),
    "everybody knows the password": (
        "default_credentials",
        settings(PUBLISH_ADDR="0.0.0.0", S3_ACCESS_KEY="minioadmin"),  # noqa: S104
    ),
    "nobody may": ("no_keys", empty_key_file),
    "everybody may read a secret": ("open_secret", open_key_file),
    "the gateway is elsewhere": ("gateway_away", settings(GATEWAY_ADMIN_ADDR=NOWHERE)),
    "the API is elsewhere": ("api_away", settings(DARKROOM_URL=f"http://{NOWHERE}")),
    "our API key is none": ("api_key", settings(DARKROOM_API_KEY="dk_none")),
    "a worker was left drained": ("drained", drained_worker),
}


def follow(house: House, advice: dict[str, Any], broken: dict[str, str]) -> dict[str, str]:
    """Does what the doctor says; answers the settings as they are then."""
    match advice["command"].split():
        case ["darkroom", *words]:
            assert house.darkroom(*words, **broken).status == 0
        case ["rabbitmqctl", "delete_queue", queue]:
            with in_vhost(broken["RABBITMQ_URL"]) as channel:
                channel.queue_delete(queue)
        case ["rabbitmqadmin", "delete", "exchange", name]:
            with in_vhost(broken["RABBITMQ_URL"]) as channel:
                channel.exchange_delete(name.removeprefix("name="))
        case ["rabbitmq-diagnostics", "alarms"]:
            assert "disk" in causes.rabbitmq(house.stack, "rabbitmq-diagnostics", "alarms")
            causes.rabbitmq(house.stack, "rabbitmqctl", "set_disk_free_limit", causes.DISK_FREE_LIMIT)
        case ["timedatectl", "set-ntp", "true"]:  # the tests' machine has no other clock to go by
            return {key: value for key, value in broken.items() if key != CLOCK}
        case ["openssl", *_]:
            made = subprocess.run(advice["command"], shell=True, capture_output=True, text=True, check=True)  # noqa: S602
            return broken | {advice["key"]: made.stdout.strip()}
        case []:
            return {key: value for key, value in broken.items() if key != advice["key"]}
        case _:
            environment = os.environ | broken
            subprocess.run(advice["command"], shell=True, env=environment, stdout=subprocess.DEVNULL, check=True)  # noqa: S602
    return broken


@pytest.mark.parametrize("name", BROKEN)
def test_the_doctor_finds_it_and_its_advice_mends_it(
    name: str, stack: Stack, darkroom: Command, tmp_path: Path
) -> None:
    house = House(stack, darkroom, tmp_path)
    code, make = BROKEN[name]
    with make(house) as broken:
        advice = house.findings(broken)[code]
        assert advice["what"]
        assert advice["do"]
        mended = follow(house, advice, broken)
        assert code not in house.findings(mended)


def test_the_doctor_has_nothing_to_say_of_what_is_well(darkroom: Command) -> None:
    answer = darkroom("doctor")
    assert (answer.status, answer.err) == (0, "")
    assert [line.split()[0] for line in answer.out.splitlines()] == ["ok"] * 6


def test_the_doctor_says_to_a_person_what_to_do(darkroom: Command) -> None:
    answer = darkroom("doctor", GATEWAY_ID_KEYS="short")
    assert answer.status == 1
    assert "BAD   settings: GATEWAY_ID_KEYS=… (a secret): must be keys of 64 hex characters each" in answer.out
    assert "$ openssl rand -hex 32" in answer.out
    assert "short" not in answer.out
