"""Redis from the distribution's package: every write in the append-only file, nothing evicted."""

from __future__ import annotations

import socket
from functools import partial

import probe
from process import Process
from settings import Settings, data_dir


def processes(settings: Settings) -> list[Process]:
    folder = data_dir(settings) / "redis"
    return [
        Process(
            name="redis",
            command=f"/usr/bin/redis-server {folder}/redis.conf",
            directory=folder,
            probe=partial(_serves, settings),
            ports={"REDIS_PORT": int(settings["REDIS_PORT"])},
        )
    ]


def prepare(settings: Settings) -> None:
    """Writes the configuration. `everysec` may lose a second when the machine dies, nothing when Redis alone does."""
    folder = data_dir(settings) / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        "bind 127.0.0.1",
        f"port {settings['REDIS_PORT']}",
        f"dir {folder}",
        "daemonize no",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        "maxmemory-policy noeviction",
    ]
    if settings["REDIS_PASSWORD"]:
        lines.append(f"requirepass {settings['REDIS_PASSWORD']}")
    path = folder / "redis.conf"
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n")


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
