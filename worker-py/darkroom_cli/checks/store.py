"""S3: it lets us in, and lets the first writer win."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Iterator

import urllib3
from minio.error import S3Error

from darkroom_cli.checks.finding import Finding
from darkroom_cli.settings import Settings
from darkroom_cli.store import Store
from darkroom_cli.trouble import Away

_KEYS = {"InvalidAccessKeyId": "S3_ACCESS_KEY", "SignatureDoesNotMatch": "S3_SECRET_KEY"}


def check(settings: Settings) -> Iterator[Finding]:
    store = Store(settings)
    try:
        next(store.objects("probe/"), None)  # a GET: the answer to a HEAD says not why
        yield from _first_wins(store)
    except Away as away:
        yield _shut_out(away, store, settings)


def _first_wins(store: Store) -> Iterator[Finding]:
    key = f"probe/{secrets.token_hex(8)}"
    store.create(key, b"{}")
    try:
        if store.create(key, b"{}"):
            yield Finding(
                "s3_overwrites",
                f"S3 at {store.endpoint} ignores If-None-Match on PUT: a job could end twice",
                "set S3_ENDPOINT to a server with conditional PUT; if a proxy stands before it, let it pass the header on",
                key="S3_ENDPOINT",
            )
    finally:
        with store.answering():
            store.client.remove_object(store.bucket, key)


def _shut_out(away: Away, store: Store, settings: Settings) -> Finding:
    match away.__cause__:
        case S3Error(code="NoSuchBucket"):
            do = "start a gateway, which makes it, or set S3_BUCKET to the one that holds the pictures"
            told = f"S3 at {store.endpoint} has no bucket {store.bucket}"
            return Finding("no_bucket", told, do, key="S3_BUCKET", grave=False)
        case S3Error(code="RequestTimeTooSkewed"):
            return Finding(
                "clock",
                f"{away}: this clock and S3's differ",
                "let the clocks of both be set by the network; this machine's with the command",
                command="timedatectl set-ntp true",
            )
        case S3Error(code=code) if code in _KEYS:
            return Finding("s3_credentials", str(away), f"set {_KEYS[code]} to what the server knows", key=_KEYS[code])
        case S3Error(code="AccessDenied"):
            do = f"let this key read, write, list and delete in the bucket {store.bucket}, or set another S3_ACCESS_KEY"
            return Finding("s3_forbidden", str(away), do, key="S3_ACCESS_KEY")
        case S3Error():
            return Finding("s3_trouble", str(away), "look into the log of the S3 server")
        case urllib3.exceptions.SSLError() | ssl.SSLError():
            do = f"set S3_SECURE to {'false' if settings.is_on('S3_SECURE') else 'true'}, or correct the certificate"
            return Finding("s3_tls", f"TLS with S3 at {store.endpoint} fails ({away.__cause__})", do, key="S3_SECURE")
    return Finding("s3_away", str(away), "start it, or set S3_ENDPOINT to where it listens", key="S3_ENDPOINT")
