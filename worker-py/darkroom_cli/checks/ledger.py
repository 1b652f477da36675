"""Redis: it must keep what it is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import redis

from darkroom_cli.checks.finding import Finding
from darkroom_cli.ledger import address, connect
from darkroom_cli.settings import Settings

# Of maxmemory; past this a burst of jobs ends in errors.
FULL = 0.9


def check(settings: Settings) -> Iterator[Finding]:
    url = settings["REDIS_URL"]
    client = connect(settings)
    try:
        info = client.info()
    except redis.AuthenticationError as error:
        yield Finding(
            "redis_credentials",
            f"Redis at {address(url)} refuses us ({error})",
            "put its user and password into REDIS_URL: redis://user:password@host:port/0",
            key="REDIS_URL",
        )
    except redis.RedisError as error:
        yield Finding(
            "redis_away",
            f"Redis at {address(url)} gives no answer ({error})",
            "start it, or set REDIS_URL to where it listens",
            key="REDIS_URL",
        )
    else:
        yield from _fitness(info, address(url))
    finally:
        client.close()


def _fitness(info: dict[str, Any], where: str) -> Iterator[Finding]:
    if info["role"] != "master":
        yield Finding(
            "redis_replica",
            f"Redis at {where} is a replica: it takes no writes",
            f"set REDIS_URL to its primary, {info.get('master_host')}:{info.get('master_port')}",
            key="REDIS_URL",
        )
        return
    if info["maxmemory_policy"] != "noeviction":
        yield Finding(
            "redis_evicts",
            f"Redis at {where} throws keys away when its memory is full (maxmemory-policy {info['maxmemory_policy']}): jobs would vanish",
            "set it now with the command, and in its configuration: maxmemory-policy noeviction",
            command='redis-cli -u "$REDIS_URL" CONFIG SET maxmemory-policy noeviction',
        )
    if not info["aof_enabled"]:
        yield Finding(
            "redis_no_aof",
            f"Redis at {where} does not log its writes: a restart loses what it was told since its last snapshot",
            "set it now with the command, and in its configuration: appendonly yes",
            command='redis-cli -u "$REDIS_URL" CONFIG SET appendonly yes',
        )
    limit = info["maxmemory"]
    if limit and info["used_memory"] > FULL * limit:
        yield Finding(
            "redis_full",
            f"Redis at {where} uses {info['used_memory'] >> 20} of {limit >> 20} MiB: soon no job is taken any more",
            "raise maxmemory with the command and in its configuration (0: no limit), or shorten RETENTION",
            command='redis-cli -u "$REDIS_URL" CONFIG SET maxmemory 0',
        )
