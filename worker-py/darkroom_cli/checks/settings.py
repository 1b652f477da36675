"""Each setting by itself, and those that must fit together."""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from darkroom_cli.checks.finding import Finding
from darkroom_cli.settings import DEFAULTS, FORMS, SECRETS, Settings
from darkroom_cli.trouble import BadSetting

RETENTION = (60, 315_360_000)  # s


def check(settings: Settings) -> Iterator[Finding]:
    bad = list(_forms(settings))
    yield from bad
    if not bad:
        yield from _ranges(settings)
        yield from _files(settings)
        yield from _credentials(settings)
        yield from _admission(settings)


def _forms(settings: Settings) -> Iterator[Finding]:
    for key in DEFAULTS:
        try:
            settings[key]
        except BadSetting as bad:
            file = settings.file_of(key) if key in SECRETS else None
            command = "openssl rand -hex 32" if key == "GATEWAY_ID_KEYS" and not file else ""
            allowed = FORMS[key][1]
            where = f"correct what stands in {file}, or the path in {key}_FILE" if file else f"set {key}"
            yield Finding("bad_setting", str(bad), f"{where}: {allowed}", key=key, command=command)


def _ranges(settings: Settings) -> Iterator[Finding]:
    retention = int(settings["RETENTION"])
    if not RETENTION[0] <= retention <= RETENTION[1]:
        yield Finding(
            "bad_setting",
            f"RETENTION={retention}: no gateway and no worker starts with it",
            f"set RETENTION to {RETENTION[0]} to {RETENTION[1]} seconds, everywhere the same",
            key="RETENTION",
        )
    timeout, limit = int(settings["RABBITMQ_CONSUMER_TIMEOUT"]) / 1000, float(settings["WORKER_JOB_LIMIT"].rstrip("s"))
    if limit > timeout * 0.45:
        yield Finding(
            "job_limit",
            f"WORKER_JOB_LIMIT={limit:g} s is too long for a broker that takes a message back after {timeout:g} s",
            f"set WORKER_JOB_LIMIT to {timeout * 0.45:.0f} at most, or raise RABBITMQ_CONSUMER_TIMEOUT here and in the broker",
            key="WORKER_JOB_LIMIT",
        )


def _files(settings: Settings) -> Iterator[Finding]:
    for key, inside in (("MODELS_FILE", ""), ("CONTRACT_DIR", "lua/prelude.lua")):
        if not (Path(settings[key]) / inside).is_file():
            yield Finding(
                "no_file", f"{key}={settings[key]}: there is no such thing", f"set {key} to where it lies", key=key
            )
    secret = [settings.file_of(key) for key in SECRETS] + [settings.path("GATEWAY_API_KEYS_FILE")]
    for file in filter(None, secret):
        if file.exists() and file.stat().st_mode & 0o077:
            yield Finding(
                "open_secret",
                f"{file} can be read by others on this machine",
                "let its owner alone read it",
                command=f"chmod go-rwx {shlex.quote(str(file))}",
                grave=False,
            )


def _credentials(settings: Settings) -> Iterator[Finding]:
    """The gateway refuses to start with these: said here before it does."""
    if _is_near(settings["PUBLISH_ADDR"]):
        return
    broker = urlsplit(settings["RABBITMQ_URL"])
    if broker.password in (None, "guest"):
        yield _everybody_knows("RABBITMQ_URL", settings)
    for key in ("S3_ACCESS_KEY", "S3_SECRET_KEY"):
        if settings[key] == "minioadmin":
            yield _everybody_knows(key, settings)


def _everybody_knows(key: str, settings: Settings) -> Finding:
    return Finding(
        "default_credentials",
        f"{key} holds credentials that everybody knows, and PUBLISH_ADDR={settings['PUBLISH_ADDR']} can be reached from outside",
        f"give the service credentials of your own, and set {key} to them",
        key=key,
    )


def _is_near(address: str) -> bool:
    host = urlsplit(address if "//" in address else f"//{address}").hostname or ""
    try:
        return not address or host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _admission(settings: Settings) -> Iterator[Finding]:
    file = settings.path("GATEWAY_API_KEYS_FILE")
    if settings.is_on("GATEWAY_ANONYMOUS") or (file and file.exists() and file.read_text().strip()):
        return
    if file is None:
        yield Finding(
            "no_keys",
            "GATEWAY_ANONYMOUS=false and there is no file of API keys: nobody may use the service",
            "set GATEWAY_API_KEYS_FILE to the path of a file, then make keys with: darkroom keys add NAME",
            key="GATEWAY_API_KEYS_FILE",
        )
    else:
        yield Finding(
            "no_keys",
            f"GATEWAY_ANONYMOUS=false and {file} holds no API key: nobody may use the service",
            "make a key",
            command="darkroom keys add NAME",
        )
