"""Every key that the native stack reads, with its default; .env goes before defaults, the environment before .env."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

# None of them well-known, so that a service already running is left alone. PORT_OFFSET shifts them all at once.
PORTS = {
    "GATEWAY_PORT": 8080,
    "GATEWAY_ADMIN_PORT": 8081,
    "WORKER_PORT": 8090,
    "RABBITMQ_PORT": 5682,
    "RABBITMQ_MANAGEMENT_PORT": 15682,
    "RABBITMQ_PROMETHEUS_PORT": 15692,
    "RABBITMQ_DIST_PORT": 5687,
    "RABBITMQ_EPMD_PORT": 4379,
    "REDIS_PORT": 6389,
    "S3_PORT": 9010,
    "S3_CONSOLE_PORT": 9011,
    "PROMETHEUS_PORT": 9490,
}

DEFAULTS = {
    "DATA_DIR": str(CHECKOUT / ".darkroom"),
    "CACHE_DIR": str(Path.home() / ".cache" / "darkroom"),
    "PORT_OFFSET": "0",
    "OBSERVABILITY": "false",
    "GATEWAY_COUNT": "1",
    "WORKER_COUNT": "1",
    "WORKER_ENGINE": "torch",
    "WORKER_DRAIN_GRACE": "30",
    "TORCH_BACKEND": "",
    "RABBITMQ_USER": "darkroom",
    "RABBITMQ_PASSWORD": "",
    "RABBITMQ_CONSUMER_TIMEOUT": "1800000",
    "REDIS_SERVER": "redis",
    "REDIS_PASSWORD": "",
    "S3_SERVER": "minio",
    "S3_ACCESS_KEY": "darkroom",
    "S3_SECRET_KEY": "",
    "S3_BUCKET": "darkroom",
    "MODELS_FILE": str(CHECKOUT / "deploy" / "models.yaml"),
    "CONTRACT_DIR": str(CHECKOUT / "contract"),
}

# Anything else that starts like this is handed on to the gateway and the worker as it is.
HANDED_ON = re.compile(
    r"^((GATEWAY|WORKER|RABBITMQ|REDIS|S3|OTEL|CUDA|HF|OMP|MKL)_|(PUBLISH_ADDR|TLS_CA_FILE|RETENTION|LOG_LEVEL|TEST_MODE)$)"
)

Settings = Mapping[str, str]


class BadSetting(Exception):
    """A value that the stack cannot start with; the text names key, value and what is allowed."""


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """All settings as strings, ports included.

    Raises BadSetting with one line for the operator.
    """
    given = {**_read_env_file(Path(environ.get("ENV_FILE", CHECKOUT / ".env"))), **environ}
    known = DEFAULTS.keys() | PORTS.keys()
    chosen = {key: value for key, value in given.items() if value != "" and (key in known or HANDED_ON.match(key))}
    settings = {**DEFAULTS, **chosen}

    # Above 32767 the system lends ports to whoever connects somewhere.
    offset = _number(settings, "PORT_OFFSET", 0, 32767 - max(PORTS.values()))
    for key, port in PORTS.items():
        settings.setdefault(key, str(port + offset))
        _number(settings, key, 1, 65535)
    _number(settings, "GATEWAY_COUNT", 0, 5)
    _number(settings, "WORKER_COUNT", 0, 64)
    if "WORKER_GPU" in settings:
        _number(settings, "WORKER_GPU", 0, 1023)
    settings["WORKER_DRAIN_GRACE"] = settings["WORKER_DRAIN_GRACE"].removesuffix("s")
    _number(settings, "WORKER_DRAIN_GRACE", 0, 86400)
    _number(settings, "RABBITMQ_CONSUMER_TIMEOUT", 60000, 2**32 - 1)
    if settings["OBSERVABILITY"] not in ("true", "false"):
        raise BadSetting(f"OBSERVABILITY={settings['OBSERVABILITY']}: must be true or false")
    if settings["WORKER_ENGINE"] not in ("torch", "simulated"):
        raise BadSetting(f"WORKER_ENGINE={settings['WORKER_ENGINE']}: must be torch or simulated")
    if settings["S3_SERVER"] not in ("minio", "versitygw"):
        raise BadSetting(f"S3_SERVER={settings['S3_SERVER']}: must be minio or versitygw")
    if settings["REDIS_SERVER"] not in ("redis", "valkey") and not os.access(settings["REDIS_SERVER"], os.X_OK):
        raise BadSetting(f"REDIS_SERVER={settings['REDIS_SERVER']}: must be redis, valkey or the path of a program")
    settings["DATA_DIR"] = str(Path(settings["DATA_DIR"]).expanduser().resolve())
    settings["CACHE_DIR"] = str(Path(settings["CACHE_DIR"]).expanduser().resolve())
    return settings


def data_dir(settings: Settings) -> Path:
    """The folder that holds all that this stack keeps: two stacks never share one."""
    return Path(settings["DATA_DIR"])


def cache_dir(settings: Settings) -> Path:
    """The folder outside the checkout for what is slow to build and the same for every clone."""
    return Path(settings["CACHE_DIR"])


def host_name() -> str:
    return socket.gethostname().split(".")[0] or "localhost"


def _number(settings: Mapping[str, str], key: str, least: int, most: int) -> int:
    value = settings[key]
    if not re.fullmatch(r"[0-9]+", value) or not least <= int(value) <= most:
        raise BadSetting(f"{key}={value}: must be a whole number from {least} to {most}")
    return int(value)


def _read_env_file(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    values = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        key, equals, value = text.partition("=")
        if not equals or not re.fullmatch(r"[A-Z][A-Z0-9_]*", key):
            raise BadSetting(f"{path}:{number}: must be KEY=value, a comment or empty")
        values[key] = value.strip("\"'")
    return values
