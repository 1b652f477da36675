"""The store: verdicts, put only if absent, and images, in S3. Plain blocking calls: run them in a thread."""

from __future__ import annotations

import io
import secrets
import ssl
from datetime import timedelta
from http import HTTPStatus

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error

from darkroom_worker.failpoint import Step

_EXISTS = (HTTPStatus.PRECONDITION_FAILED, HTTPStatus.NOT_MODIFIED)


class StoreAway(Exception):
    """S3 gave no usable answer: never to be read as "there is no such object"."""


class StoreUnfit(Exception):
    """This S3 cannot keep Darkroom's promises; the text says why."""


PUT_IMAGES = Step("put_images", StoreAway)
PUT_VERDICT = Step("put_verdict", StoreAway)
LOOK = Step("look", StoreAway)


def verdict_key(job_id: str) -> str:
    return f"results/{job_id}/verdict.json"


class Store:
    """Every method raises StoreAway on any trouble but the one it names. Calls end within about 20 s."""

    def __init__(
        self, endpoint: str, access_key: str, secret_key: str, trust: ssl.SSLContext | None, bucket: str
    ) -> None:
        """`trust` decides whom a server with TLS may be; None: no TLS."""
        # Its default waits for minutes; how long to try again is decided by the attempt.
        self._http = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=2, read=15), retries=False, maxsize=8, ssl_context=trust
        )
        # A region is named so that no call looks it up first.
        self._client = Minio(
            endpoint, access_key, secret_key, secure=trust is not None, region="us-east-1", http_client=self._http
        )
        self._bucket = bucket

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Stores an object under a key that nobody else uses."""
        try:
            with PUT_IMAGES:
                self._client.put_object(self._bucket, key, io.BytesIO(data), len(data), content_type)
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            raise StoreAway(f"PUT {key}: {error}") from error

    def create_verdict(self, job_id: str, verdict: bytes) -> bytes:
        """Puts the verdict if there is none, and answers the one that is there now: this one, or the one that was first."""
        key = verdict_key(job_id)
        for _ in range(5):
            with PUT_VERDICT:
                created = self._create(key, verdict, "application/json")
            if created:
                return verdict
            found = self.read_verdict(job_id)
            if found is not None:
                return found
        raise StoreAway(f"PUT {key}: neither created nor found")

    def read_verdict(self, job_id: str) -> bytes | None:
        """The job's verdict; None only when S3 says for certain that there is none."""
        with LOOK:
            return self.read(verdict_key(job_id))

    def read(self, key: str, most: int | None = None) -> bytes | None:
        """An object's bytes, or the first `most` of them; None only when S3 says for certain that there is none."""
        try:
            response = self._client.get_object(self._bucket, key)
            try:
                return bytes(response.read(most))
            finally:
                response.close()
                response.release_conn()
        except S3Error as error:
            if error.code == "NoSuchKey":
                return None
            raise StoreAway(f"GET {key}: {error.code}") from error
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            raise StoreAway(f"GET {key}: {error}") from error

    def ready(self) -> None:
        """Raises StoreAway while the bucket cannot be reached; makes it when it is missing."""
        try:
            if not self._client.bucket_exists(self._bucket):
                self._client.make_bucket(self._bucket)
        except S3Error as error:
            if error.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                raise StoreAway(f"bucket {self._bucket}: {error.code}") from error
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            raise StoreAway(f"bucket {self._bucket}: {error}") from error

    def probe(self) -> None:
        """Raises StoreUnfit when this S3 lets a second conditional PUT overwrite the first."""
        key = f"probe/{secrets.token_hex(8)}"
        if not self._create(key, b"first", "text/plain"):
            raise StoreAway(f"PUT {key}: a new key was refused")
        overwritten = self._create(key, b"second", "text/plain")
        try:
            self._client.remove_object(self._bucket, key)
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            raise StoreAway(f"DELETE {key}: {error}") from error
        if overwritten:
            raise StoreUnfit("S3 ignores If-None-Match on PUT, so a job could end twice: use a server that honours it")

    def _create(self, key: str, data: bytes, content_type: str) -> bool:
        """PUT if absent: False when the key exists. The client has no header for it, a presigned URL takes any."""
        try:
            url = self._client.presigned_put_object(self._bucket, key, expires=timedelta(minutes=5))
            headers = {"If-None-Match": "*", "Content-Type": content_type}
            for _ in range(5):
                response = self._http.request("PUT", url, body=data, headers=headers)
                if response.status == HTTPStatus.OK:
                    return True
                if response.status in _EXISTS:
                    return False
                if response.status != HTTPStatus.CONFLICT:  # another PUT is under way: again
                    break
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            raise StoreAway(f"PUT {key}: {error}") from error
        raise StoreAway(f"PUT {key}: status {response.status}")
