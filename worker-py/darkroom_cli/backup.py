"""`darkroom backup`: what must be kept, in the order in which it must be copied, while everything goes on.

The keys first: they never change. Then Redis, at one moment. S3 last: a job that Redis calls ended had its pictures and its verdict
there before, and one that ended since is found by its verdict. The other way round Redis could promise pictures that the copy lacks.
RabbitMQ needs none: each of its messages is in a record too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer

from darkroom_cli.keepsake import Dumped, Keepsake
from darkroom_cli.ledger import Ledger, connect
from darkroom_cli.screen import AsJson, say, show_json
from darkroom_cli.settings import Settings
from darkroom_cli.store import Store
from darkroom_cli.trouble import Refused

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The backup's folder.")]

# Together with TTLs in one script, so that no change comes in between; Redis does nothing else meanwhile.
DUMP = """
local all = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  table.insert(all, key)
  table.insert(all, redis.call('PTTL', key))
  table.insert(all, redis.call('DUMP', key))
end
return all
"""

# Redis stands still meanwhile, and past 5 s it refuses others.
# More than this is a matter for a replica and its snapshots.
MOST_KEYS = 200_000

# Of workers that live now, of pictures that are seconds old, and the mark by which a gateway knows that Redis lost its data.
PASSING = ("worker:", "drain:", "preview:")
PASSING_KEYS = ("workers", "epoch")

THREADS = 8


def backup(folder: Folder, as_json: AsJson = False) -> None:
    """Copy all that must be kept into a new folder, while everything goes on."""
    settings = Settings()
    kept = Keepsake(folder)
    kept.begin()
    kept.write_secret(kept.id_keys, settings["GATEWAY_ID_KEYS"] + "\n")
    api_keys = settings.path("GATEWAY_API_KEYS_FILE")
    if api_keys and api_keys.exists():
        kept.write_secret(kept.api_keys, api_keys.read_text())
    taken_at = Ledger(settings).now()
    keys = kept.write_redis(_dump(settings))
    say(f"{keys} keys of Redis")
    objects = _copy(Store(settings), kept)
    manifest = kept.finish(taken_at, keys, objects)
    if as_json:
        show_json(vars(manifest))
    else:
        say(f"{objects} objects of S3")
        print(folder)


def _dump(settings: Settings) -> Iterator[Dumped]:
    client = connect(settings, socket_timeout=60)
    size = client.dbsize()
    if size > MOST_KEYS:
        raise Refused(
            f"Redis holds {size} keys: copy the snapshot of a replica instead, before S3 (docs/operations.md)"
        )
    began = time.monotonic()
    found = client.eval(DUMP, 0)
    say(f"Redis did nothing else for {time.monotonic() - began:.2f} s at most")
    for name, ttl, value in zip(found[::3], found[1::3], found[2::3], strict=True):
        key = name.decode()
        if key not in PASSING_KEYS and not key.startswith(PASSING):
            yield Dumped(key, ttl, value)


def _copy(store: Store, kept: Keepsake) -> int:
    """All results. What is deleted while it is copied is left out: it was deleted."""

    def fetch(key: str) -> int:
        body = store.read(key)
        if body is None:
            return 0
        path = kept.objects / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        return 1

    with ThreadPoolExecutor(THREADS) as threads:
        return sum(threads.map(fetch, [item.key for item in store.objects("results/")]))
