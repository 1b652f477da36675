"""The environment as the commands read it: a key is judged when it is used, so that `draw` needs no broker."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from pathlib import Path

from darkroom_cli.trouble import BadSetting

CHECKOUT = Path(__file__).resolve().parents[2]

DEFAULTS = {
    "DARKROOM_URL": "http://127.0.0.1:8080",
    "DARKROOM_API_KEY": "",
    "RABBITMQ_URL": "amqp://guest:guest@127.0.0.1:5682/",
    "RABBITMQ_CONSUMER_TIMEOUT": "1800000",
    "REDIS_URL": "redis://127.0.0.1:6389/0",
    "S3_ENDPOINT": "127.0.0.1:9010",
    "S3_SECURE": "false",
    "S3_ACCESS_KEY": "minioadmin",
    "S3_SECRET_KEY": "minioadmin",
    "S3_BUCKET": "darkroom",
    "MODELS_FILE": str(CHECKOUT / "deploy" / "models.yaml"),
    "CONTRACT_DIR": str(CHECKOUT / "contract"),
    "TLS_CA_FILE": "",
    "RETENTION": "604800",
    "PUBLISH_ADDR": "",
    "GATEWAY_ADMIN_ADDR": "127.0.0.1:8081",
    "GATEWAY_ID_KEYS": "",
    "GATEWAY_API_KEYS_FILE": "",
    "GATEWAY_ANONYMOUS": "true",
    "WORKER_JOB_LIMIT": "0",
}

# Each may also be given as KEY_FILE, a file that holds the value.
SECRETS = ("DARKROOM_API_KEY", "RABBITMQ_URL", "REDIS_URL", "S3_ACCESS_KEY", "S3_SECRET_KEY", "GATEWAY_ID_KEYS")

_NUMBER = r"[0-9]{1,12}"
_SWITCH = "(?i)true|false|1|0|t|f"

# What a value must look like, and how to say so.
FORMS = {
    "DARKROOM_URL": (r"https?://[^/\s]+(/.*)?", "an http:// or https:// URL"),
    "RABBITMQ_URL": (r"amqps?://[^/\s]+(/\S*)?", "an amqp:// or amqps:// URL"),
    "RABBITMQ_CONSUMER_TIMEOUT": (_NUMBER, "milliseconds, 60000 and more"),
    "REDIS_URL": (r"rediss?://[^/\s]+(/\S*)?", "a redis:// or rediss:// URL"),
    "S3_ENDPOINT": (r"[^/\s]+:[0-9]+", "host:port"),
    "S3_SECURE": (_SWITCH, "true or false"),
    "S3_ACCESS_KEY": (r".+", "some text"),
    "S3_SECRET_KEY": (r".+", "some text"),
    "S3_BUCKET": (
        r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        "a bucket name: 3 to 63 lower case letters, digits, '.' and '-'",
    ),
    "RETENTION": (_NUMBER, "seconds, 60 to 315360000"),
    "GATEWAY_ADMIN_ADDR": (r"\S*:[0-9]+", "host:port"),
    "GATEWAY_ID_KEYS": (
        r"([0-9a-fA-F]{64}[\s,]*)+",
        "keys of 64 hex characters each; make one with: openssl rand -hex 32",
    ),
    "GATEWAY_ANONYMOUS": (_SWITCH, "true or false"),
    "WORKER_JOB_LIMIT": (r"[0-9]+(\.[0-9]+)?s?", "seconds, 0 to 86400"),
}


class Settings:
    """`settings["REDIS_URL"]` is the value, or the default. Raises BadSetting: key, value, what is allowed."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ

    def __getitem__(self, key: str) -> str:
        value = self._read(key) or DEFAULTS[key]
        pattern, allowed = FORMS.get(key, (".*", ""))
        if not value and key == "GATEWAY_ID_KEYS":
            raise BadSetting(f"{key} is not set: must be {allowed}")
        if not re.fullmatch(pattern, value):
            shown = "… (a secret)" if key in SECRETS else value
            raise BadSetting(f"{key}={shown}: must be {allowed}")
        return value

    def is_on(self, key: str) -> bool:
        return self[key].lower() in ("true", "1", "t")

    def trust(self) -> ssl.SSLContext:
        """Whom to believe over TLS: the system's authorities, and those of TLS_CA_FILE."""
        made = ssl.create_default_context()
        if file := self["TLS_CA_FILE"]:
            try:
                made.load_verify_locations(file)
            except OSError as error:  # ssl.SSLError is one
                raise BadSetting(f"TLS_CA_FILE={file}: must be a file with PEM certificates ({error})") from error
        return made

    def path(self, key: str) -> Path | None:
        """A file or folder that the key names; none when it names none."""
        value = self[key]
        return Path(value) if value else None

    def file_of(self, key: str) -> Path | None:
        """The file that holds this secret, if the operator gave one."""
        path = self._environ.get(f"{key}_FILE")
        return Path(path) if path else None

    def _read(self, key: str) -> str:
        path = self.file_of(key) if key in SECRETS else None
        if path is None:
            return self._environ.get(key, "")
        try:
            return path.read_text().strip()
        except OSError as error:
            raise BadSetting(f"{key}_FILE={path}: cannot be read ({error.strerror})") from error
