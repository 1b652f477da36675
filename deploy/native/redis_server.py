"""Redis, or what speaks as it does (`REDIS_SERVER`): every write in the append-only file, nothing evicted."""

from __future__ import annotations

import socket
from functools import partial
from pathlib import Path

import probe
import step
import valkey
from process import Process
from settings import Settings, data_dir

REDIS = Path("/usr/bin/redis-server")


def processes(settings: Settings) -> list[Process]:
    folder = data_dir(settings) / "redis"
    return [
        Process(
            name="redis",
            command=f"{_program(settings)} {folder}/redis.conf",
            directory=folder,
            probe=partial(_serves, settings),
            version=step.digest([_configuration(settings)]),
            ports={"REDIS_PORT": int(settings["REDIS_PORT"])},
        )
    ]


def prepare(settings: Settings) -> None:
    folder = data_dir(settings) / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "redis.conf"
    path.touch(mode=0o600)
    path.write_text(_configuration(settings))


def _program(settings: Settings) -> Path:
    return {"redis": REDIS, "valkey": valkey.path(settings)}.get(
        settings["REDIS_SERVER"], Path(settings["REDIS_SERVER"])
    )


def _configuration(settings: Settings) -> str:
    """`everysec` may lose a second when the machine dies, nothing when Redis alone does."""
    lines = [
        "bind 127.0.0.1",
        f"port {settings['REDIS_PORT']}",
        f"dir {data_dir(settings)}/redis",
        "daemonize no",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        "maxmemory-policy noeviction",
        # A title of its own would overwrite the environment by which `down` knows its processes.
        "set-proc-title no",
    ]
    if settings["REDIS_PASSWORD"]:
        lines.append(f"requirepass {settings['REDIS_PASSWORD']}")
    return "\n".join(lines) + "\n"


def _serves(settings: Settings) -> None:
    """While it reads its file back Redis answers -LOADING."""
    with socket.create_connection(("127.0.0.1", int(settings["REDIS_PORT"])), probe.PATIENCE) as connection:
        if settings["REDIS_PASSWORD"]:
            connection.sendall(f"AUTH {settings['REDIS_PASSWORD']}\r\n".encode())
            connection.recv(256)
        connection.sendall(b"PING\r\n")
        answer = connection.recv(256)
        if not answer.startswith(b"+PONG"):
            raise EOFError(answer.decode(errors="replace").strip())
