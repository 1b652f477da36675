"""Environment -> Settings, validated once; a bad value stops the start with one line: key, value, what is allowed."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

CHECKOUT = Path(__file__).resolve().parents[2]

# Each may also be given as KEY_FILE, a file that holds the value.
SECRETS = ("RABBITMQ_URL", "REDIS_URL", "S3_ACCESS_KEY", "S3_SECRET_KEY")


class BadSetting(Exception):
    """A value that the worker cannot start with; the text is one line for the operator."""


def _split(value: object) -> object:
    return tuple(word for word in re.split(r"[,\s]+", value) if word) if isinstance(value, str) else value


def _seconds(value: object) -> object:
    """30 and 30s are the same."""
    return value[:-1] if isinstance(value, str) and re.fullmatch(r"[0-9.]+s", value) else value


def _bytes(value: object) -> object:
    """12GiB, 12 GiB and 12884901888 are the same."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?(|[KMGT]i?)B?", value) if isinstance(value, str) else None
    if not match:
        return value
    unit = match[2]
    base = 1024 if unit.endswith("i") else 1000
    return int(float(match[1]) * base ** " KMGT".index(unit[:1] or " "))


class Settings(BaseModel):
    """Every key that the worker reads, under its name in the environment."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    RABBITMQ_URL: str = Field("amqp://guest:guest@127.0.0.1:5682/", pattern="^amqps?://")
    RABBITMQ_CONSUMER_TIMEOUT: int = Field(1_800_000, ge=60_000)  # ms
    REDIS_URL: str = Field("redis://127.0.0.1:6389/0", pattern="^rediss?://")
    S3_ENDPOINT: str = Field("127.0.0.1:9010", pattern=r"^[^/\s]+:[0-9]+$")  # host:port
    S3_SECURE: bool = False
    S3_ACCESS_KEY: str = Field("minioadmin", min_length=1)
    S3_SECRET_KEY: str = Field("minioadmin", min_length=1)
    S3_BUCKET: str = Field("darkroom", pattern="^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    TLS_CA_FILE: str = ""  # PEM; trusted beside the system's certificates
    MODELS_FILE: Path = CHECKOUT / "deploy" / "models.yaml"
    CONTRACT_DIR: Path = CHECKOUT / "contract"
    RETENTION: int = Field(604_800, ge=60, le=315_360_000)  # s
    LOG_LEVEL: Literal["debug", "info", "warn", "warning", "error"] = "info"
    TEST_MODE: bool = False
    OTEL_EXPORTER_OTLP_ENDPOINT: str = Field("", pattern="^(https?://.+)?$")

    WORKER_GPU: int = Field(0, ge=0, le=1023)
    WORKER_NAME: str = Field("", pattern="^[A-Za-z0-9._-]{0,128}$")
    WORKER_MODELS: Annotated[tuple[str, ...], BeforeValidator(_split)] = ()  # empty: all in the catalogue
    WORKER_DEVICE: Literal["auto", "cpu", "cuda"] = "auto"
    WORKER_DRAIN_GRACE: Annotated[float, BeforeValidator(_seconds)] = Field(30, ge=0, le=86_400)  # s
    WORKER_JOB_LIMIT: Annotated[float, BeforeValidator(_seconds)] = Field(
        0, ge=0, le=86_400
    )  # s; 0: as RABBITMQ_CONSUMER_TIMEOUT allows
    WORKER_MEMORY: Annotated[int, BeforeValidator(_bytes)] = Field(
        default=0, ge=0
    )  # bytes; 0: 85 % of the GPU's, 70 % of the machine's on a CPU
    WORKER_SPARE: bool = True
    WORKER_PREVIEWS: bool = True
    WORKER_CACHE_DIR: Path = CHECKOUT / ".darkroom" / "cache"
    WORKER_LOCK_DIR: Path = Path("/tmp")  # noqa: S108 - must be one folder for every worker of the machine

    @property
    def name(self) -> str:
        """This worker's name in heartbeats, records and verdicts."""
        return self.WORKER_NAME or f"{socket.gethostname().split('.')[0] or 'localhost'}-{self.WORKER_GPU}"


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Reads the environment. Raises BadSetting; a secret's value is not repeated."""
    given = {key: value for key, value in environ.items() if key in Settings.model_fields and value != ""}
    for key in SECRETS:
        path = environ.get(f"{key}_FILE")
        if path:
            try:
                given[key] = Path(path).read_text().strip()
            except OSError as error:
                raise BadSetting(f"{key}_FILE={path}: cannot be read ({error.strerror})") from error
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        value = "…" if key in SECRETS else given.get(key, "")
        raise BadSetting(f"{key}={value}: {first['msg']}") from error


def job_limit(config: Settings) -> tuple[float, float]:
    """How long a message may be in hand before an attempt at it begins, and how long the attempt may take, in s.

    Both together leave a tenth of what the broker allows for the end: pictures to be stored, a verdict, the ack. Raises BadSetting when
    WORKER_JOB_LIMIT asks for more than half.
    """
    most = config.RABBITMQ_CONSUMER_TIMEOUT / 1000 * 0.9
    limit = config.WORKER_JOB_LIMIT or most / 2
    if limit > most / 2:
        raise BadSetting(
            f"WORKER_JOB_LIMIT={config.WORKER_JOB_LIMIT:g}: must be {most / 2:.0f} s at most: it shares "
            f"RABBITMQ_CONSUMER_TIMEOUT, {config.RABBITMQ_CONSUMER_TIMEOUT} ms, with the time that a message waits here"
        )
    return most - limit, limit
