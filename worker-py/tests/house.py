"""What a test of the worker stands on: jobs as the gateway would submit them, and a look at what became of them."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pika
import redis
from minio import Minio
from minio.error import S3Error

from darkroom_worker.messages import Job

CONTRACT = Path(__file__).resolve().parents[2] / "contract"
TERMINAL = ("succeeded", "failed", "canceled")


class House:
    """The gateway's part, by hand: records by the same scripts, messages by pika, results from S3."""

    def __init__(self, environ: dict[str, str], model: str) -> None:
        self.environ = environ
        self.model = model
        self.queue = f"darkroom.jobs.{model}"
        self.redis: Any = redis.Redis.from_url(environ["REDIS_URL"], decode_responses=True)
        self.s3 = Minio(environ["S3_ENDPOINT"], environ["S3_ACCESS_KEY"], environ["S3_SECRET_KEY"], secure=False)
        self.bucket = environ["S3_BUCKET"]

    def trouble(self) -> str:
        """Why the services cannot be used; empty when they can."""
        try:
            self.redis.ping()
            self.s3.list_buckets()
            self.channel().connection.close()
        except Exception as error:  # any: the tests need all three
            return f"RabbitMQ, Redis and S3 are needed: {error!r}"
        return ""

    def channel(self) -> Any:
        connection = pika.BlockingConnection(pika.URLParameters(self.environ["RABBITMQ_URL"]))
        channel = connection.channel()
        channel.confirm_delivery()
        return channel

    def empty(self) -> None:
        self.redis.flushdb()
        if not self.s3.bucket_exists(self.bucket):
            self.s3.make_bucket(self.bucket)
        channel = self.channel()
        self.declare(channel)
        channel.queue_purge(self.queue)
        channel.connection.close()

    def clear(self) -> None:
        self.redis.flushdb()
        channel = self.channel()
        channel.queue_delete(self.queue)
        channel.connection.close()
        for item in self.s3.list_objects(self.bucket, recursive=True):
            self.s3.remove_object(self.bucket, item.object_name)
        self.s3.remove_bucket(self.bucket)

    def declare(self, channel: Any) -> None:
        plan = json.loads((CONTRACT / "topology.json").read_text())
        channel.exchange_declare("darkroom.jobs", "direct", durable=True)
        channel.exchange_declare("darkroom.dead", "fanout", durable=True)
        channel.queue_declare(self.queue, durable=True, arguments=plan["work_queue"]["arguments"])
        channel.queue_bind(self.queue, "darkroom.jobs", self.model)

    def script(self, name: str, *arguments: object) -> list[str]:
        text = "\n".join((CONTRACT / "lua" / f"{part}.lua").read_text() for part in ("prelude", name))
        answer: list[str] = self.redis.eval(text, 0, *arguments)
        return answer

    def now(self) -> int:
        seconds, micros = self.redis.time()
        return int(seconds) * 1000 + int(micros) // 1000

    def job(
        self, *, deadline: int = 600, max_attempts: int = 3, metadata: dict[str, str] | None = None, **spec: Any
    ) -> Job:
        """A job made now, with `deadline` seconds to live."""
        now = self.now()
        body = (now << 16 | deadline).to_bytes(8, "big") + secrets.token_bytes(10)
        decided = {
            "prompt": "a green glass bottle", "negative_prompt": "", "width": 64, "height": 64, "steps": 4,
            "guidance_scale": 3, "scheduler": "simulated", "seed": 7, "n": 1, "format": "png", **spec,
        }  # fmt: skip
        fields = {
            "version": 1, "id": _base32(body) + _base32(secrets.token_bytes(8)), "owner": "ab" * 16, "model": self.model,
            "task": "simulated", "spec": decided, "input": {"prompt": decided["prompt"]}, "warnings": ["a warning"],
            "metadata": metadata or {}, "seed_drawn": False, "created_at": now, "deadline": now + deadline * 1000,
            "max_attempts": max_attempts,
        }  # fmt: skip
        return Job.model_validate(fields)

    def record(self, job: Job) -> int:
        """Submits the job's record; answers its published_at."""
        word, *rest = self.script(
            "submit", job.id, job.owner, "", "x", job.model, 1000, 0, job.fields(), job.created_at, job.deadline
        )
        assert word == "CREATED"
        return int(rest[0])

    def publish(self, job: Job, published_at: int) -> None:
        self.publish_raw(job.model_dump_json().encode(), job.id, published_at=published_at, deadline=job.deadline)

    def publish_raw(self, body: bytes, message_id: str, **headers: int | str) -> None:
        channel = self.channel()
        properties = pika.BasicProperties(
            delivery_mode=2, content_type="application/json", message_id=message_id, type="darkroom.job",
            headers={"version": 1, **headers},
        )  # fmt: skip
        channel.basic_publish("darkroom.jobs", self.model, body, properties, mandatory=True)
        channel.connection.close()

    def submit(self, **wishes: Any) -> Job:
        """All that the gateway does: record, message, confirmation."""
        job = self.job(**wishes)
        self.publish(job, self.record(job))
        self.script("published", job.id, "1")
        return job

    def state(self, job: Job) -> str:
        return str(self.redis.hget(f"job:{job.id}", "state"))

    def ended(self, job: Job, seconds: float = 60) -> dict[str, Any]:
        """Waits for the job's end; answers its verdict as the record has it."""
        wait_until(lambda: self.state(job) in TERMINAL, seconds, lambda: f"{self.redis.hgetall(f'job:{job.id}')}")
        verdict: dict[str, Any] = json.loads(self.redis.hget(f"job:{job.id}", "verdict"))
        return verdict

    def sealed(self, job: Job) -> dict[str, Any] | None:
        """The verdict in S3."""
        try:
            response = self.s3.get_object(self.bucket, f"results/{job.id}/verdict.json")
        except S3Error as error:
            assert error.code == "NoSuchKey"
            return None
        verdict: dict[str, Any] = json.loads(response.read())
        response.close()
        response.release_conn()
        return verdict

    def image(self, verdict: dict[str, Any], index: int = 0) -> bytes:
        """An image's bytes, which must be the ones that the verdict names."""
        about = verdict["images"][index]
        response = self.s3.get_object(self.bucket, about["key"])
        data = bytes(response.read())
        response.close()
        response.release_conn()
        assert hashlib.sha256(data).hexdigest() == about["sha256"]
        assert len(data) == about["size_bytes"]
        return data

    def left(self) -> int:
        """Messages ready in the work queue."""
        channel = self.channel()
        count = channel.queue_declare(self.queue, passive=True).method.message_count
        channel.connection.close()
        return int(count)


def wait_until(true: Callable[[], object], seconds: float = 30, tell: Callable[[], str] = lambda: "") -> None:
    """Looks again and again; fails the test when it takes too long."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s: {tell()}"
        time.sleep(0.05)


def _base32(data: bytes) -> str:
    return base64.b32hexencode(data).decode().lower().rstrip("=")
