"""The tests' own look into Redis and S3, past the proxies."""

import hashlib
import hmac
import io
import json
import secrets
from base64 import b32hexencode
from typing import Any

import redis
from minio import Minio
from minio.error import S3Error

from system.stack import ID_KEY, PASSWORD, ROOT, Stack

BUCKET = "darkroom"
RETENTION = 604_800  # s


class Books:
    """Records, verdicts, pictures, and what they must add up to."""

    def __init__(self, stack: Stack) -> None:
        self.redis: Any = redis.Redis(port=stack.ports["redis"], decode_responses=True)
        self._s3 = Minio(f"127.0.0.1:{stack.ports['s3']}", "darkroom", PASSWORD, secure=False)

    def record(self, job: str) -> dict[str, str]:
        return dict(self.redis.hgetall(f"job:{job}"))

    def owner(self, job: str) -> str:
        return self.record(job)["owner"]

    def now(self) -> int:
        """Redis' time in ms."""
        seconds, micros = self.redis.time()
        return int(seconds * 1000 + micros // 1000)

    def held(self, worker: str) -> list[str]:
        """Ids of the messages that a worker's last heartbeat names; none when there is no heartbeat."""
        return list(json.loads(self.redis.get(f"worker:{worker}") or '{"held": []}')["held"])

    def held_by_all(self) -> list[str]:
        return [job for worker in self.redis.zrange("workers", 0, -1) for job in self.held(worker)]

    def unaccounted(self) -> int:
        """Jobs counted as accepted that neither ended nor are open. Must be 0 at every moment."""
        pipeline = self.redis.pipeline(transaction=True)
        counts, still_open, missing = pipeline.hgetall("ledger").scard("open").scard("missing").execute()
        ended = sum(int(counts.get(word, 0)) for word in ("succeeded", "failed", "canceled", "expired"))
        return int(counts.get("accepted", 0)) - ended - int(still_open) - int(missing)

    def live(self) -> list[str]:
        """Ids of all jobs that have not ended."""
        return list(self.redis.zrange("deadline", 0, -1))

    def verdict(self, job: str) -> dict[str, Any] | None:
        try:
            with self._s3.get_object(BUCKET, f"results/{job}/verdict.json") as response:
                return dict(json.loads(response.read()))
        except S3Error as error:
            if error.code == "NoSuchKey":
                return None
            raise

    def put_verdict(self, verdict: dict[str, Any]) -> None:
        body = json.dumps(verdict).encode()
        self._s3.put_object(
            BUCKET, f"results/{verdict['id']}/verdict.json", io.BytesIO(body), len(body), "application/json"
        )

    def objects(self, job: str) -> list[str]:
        found = self._s3.list_objects(BUCKET, prefix=f"results/{job}/", recursive=True)
        return sorted(str(item.object_name) for item in found)

    def prefixes(self, job: str) -> set[str]:
        """Of the attempts that left pictures."""
        return {name.rsplit("/", 1)[0] for name in self.objects(job) if not name.endswith("verdict.json")}

    def put_object(self, name: str, body: bytes) -> None:
        self._s3.put_object(BUCKET, name, io.BytesIO(body), len(body))

    def end_leases(self) -> None:
        """Every worker that runs a job has been dead for a minute."""
        for job in self.redis.zrange("lease", 0, -1):
            self.redis.hset(f"job:{job}", "lease_until", self.now() - 60_000)
            self.redis.zadd("lease", {job: self.now() - 60_000})

    def wipe(self) -> None:
        """Nothing is left in Redis and S3."""
        self.redis.flushall()
        for item in self._s3.list_objects(BUCKET, recursive=True):
            self._s3.remove_object(BUCKET, str(item.object_name))

    def remove_object(self, name: str) -> None:
        self._s3.remove_object(BUCKET, name)

    def mint(self, owner: str, created_at: int, seconds: int) -> str:
        """An id as a gateway of this stack would make it; times in ms and s."""
        body = created_at.to_bytes(6, "big") + seconds.to_bytes(2, "big") + secrets.token_bytes(10)
        proof = hmac.new(bytes.fromhex(ID_KEY), body + b"\0" + owner.encode(), hashlib.sha256).digest()[:8]
        return "".join(b32hexencode(part).decode().rstrip("=").lower() for part in (body, proof))

    def restore(self, message: dict[str, Any]) -> None:
        """A queued record without a message, as if the broker had lost it a minute ago."""
        script = "\n".join((ROOT / "contract" / "lua" / f"{name}.lua").read_text() for name in ("prelude", "restore"))
        fields = {key: json.dumps(message[key]) for key in ("spec", "input", "warnings", "metadata")}
        fields |= {"task": message["task"], "version": "1", "seed_drawn": "0", "max_attempts": "3"}
        times = (message["created_at"], message["deadline"])
        job, own = message["id"], (message["owner"], message["model"], json.dumps(fields))
        self.redis.eval(script, 0, job, *own, *times, 0, 0)
        self.redis.hset(f"job:{job}", "published_at", self.now() - 60_000)

    def message(
        self, owner: str, created_at: int, seconds: int = 600, model: str = "simulated", **metadata: str
    ) -> dict[str, Any]:
        """The message of a job that no gateway ever saw."""
        spec = {
            "prompt": "a red mug",
            "negative_prompt": "",
            "width": 64,
            "height": 64,
            "steps": 4,
            "guidance_scale": 5,
        }
        return {
            "version": 1,
            "id": self.mint(owner, created_at, seconds),
            "owner": owner,
            "model": model,
            "task": "simulated",
            "spec": spec | {"scheduler": "simulated", "seed": 1, "n": 1, "format": "png"},
            "input": {"prompt": "a red mug"},
            "warnings": [],
            "metadata": metadata,
            "seed_drawn": False,
            "created_at": created_at,
            "deadline": created_at + seconds * 1000,
            "max_attempts": 3,
        }
