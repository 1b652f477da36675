"""The store: verdicts and pictures in S3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error

from darkroom_cli.settings import Settings
from darkroom_cli.trouble import Away

_EXISTS = (HTTPStatus.PRECONDITION_FAILED, HTTPStatus.NOT_MODIFIED)


@dataclass(frozen=True)
class Stored:
    """An object as a listing shows it; size in bytes."""

    key: str
    size: int


class Store:
    """Every method raises Away when S3 gives no usable answer; calls end within about 20 s."""

    def __init__(self, settings: Settings) -> None:
        self.endpoint = settings["S3_ENDPOINT"]
        self.bucket = settings["S3_BUCKET"]
        self.http = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=2, read=15), retries=False, maxsize=16, ssl_context=settings.trust()
        )
        # A region is named so that no call looks it up first.
        self.client = Minio(
            self.endpoint,
            settings["S3_ACCESS_KEY"],
            settings["S3_SECRET_KEY"],
            secure=settings.is_on("S3_SECURE"),
            region="us-east-1",
            http_client=self.http,
        )

    def verdict(self, job_id: str) -> dict[str, Any] | None:
        """How the job ended; None only when S3 says for certain that there is no verdict."""
        body = self.read(f"results/{job_id}/verdict.json")
        return None if body is None else dict(json.loads(body))

    def create_verdict(self, verdict: dict[str, Any]) -> dict[str, Any]:
        """Puts it if there is none, and answers the one that counts: this one, or the one that was first."""
        key = f"results/{verdict['id']}/verdict.json"
        if self.create(key, json.dumps(verdict, ensure_ascii=False).encode()):
            return verdict
        found = self.verdict(verdict["id"])
        if found is None:
            raise Away(f"S3 has a verdict of {verdict['id']} and does not show it: try again")
        return found

    def create(self, key: str, body: bytes) -> bool:
        """PUT if absent; whether it was. The client has no header for it, a presigned URL takes any."""
        with self.answering():
            url = self.client.presigned_put_object(self.bucket, key, expires=timedelta(minutes=5))
            answer = self.http.request(
                "PUT", url, body=body, headers={"If-None-Match": "*", "Content-Type": "application/json"}
            )
        if answer.status not in (HTTPStatus.OK, *_EXISTS):
            raise Away(f"S3 at {self.endpoint} answered {answer.status} to a PUT of {key}: {answer.data[:200]!r}")
        return answer.status == HTTPStatus.OK

    def read(self, key: str) -> bytes | None:
        """An object's bytes, or None where there is no such object."""
        try:
            with self.answering():
                answer = self.client.get_object(self.bucket, key)
                try:
                    return bytes(answer.read())
                finally:
                    answer.close()
                    answer.release_conn()
        except Away as error:
            if isinstance(error.__cause__, S3Error) and error.__cause__.code == "NoSuchKey":
                return None
            raise

    def objects(self, prefix: str) -> Iterator[Stored]:
        with self.answering():
            for item in self.client.list_objects(self.bucket, prefix=prefix, recursive=True):
                yield Stored(str(item.object_name), int(item.size or 0))

    @contextmanager
    def answering(self) -> Iterator[None]:
        try:
            yield
        except S3Error as error:
            raise Away(f"S3 at {self.endpoint} answers {error.code}: {error.message}") from error
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Away(f"S3 at {self.endpoint} gives no answer ({error}): start it, or correct S3_ENDPOINT") from error
