"""`darkroom restore`: a backup back into an empty Darkroom, S3 first, so that no record points at nothing, then Redis at one stroke."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from darkroom_cli.backup import THREADS, Folder
from darkroom_cli.keepsake import Keepsake
from darkroom_cli.ledger import Ledger, connect
from darkroom_cli.screen import say
from darkroom_cli.settings import Settings
from darkroom_cli.store import Store
from darkroom_cli.trouble import Refused

TYPES = {".json": "application/json", ".png": "image/png", ".webp": "image/webp", ".jpg": "image/jpeg"}


def restore(folder: Folder) -> None:
    """Bring a backup back, into an empty Redis and S3, while gateways and workers are stopped."""
    settings = Settings()
    kept = Keepsake(folder)
    manifest = kept.manifest()
    client = connect(settings, socket_timeout=60)
    now = Ledger(settings).now()
    if next(client.scan_iter("job:*", count=1000), None) is not None:
        raise Refused("Redis holds jobs already: stop gateways and workers, empty it (FLUSHALL), and restore again")
    _restore_keys(settings, kept)
    store = Store(settings)
    with store.answering():
        if not store.client.bucket_exists(store.bucket):
            store.client.make_bucket(store.bucket)
    files = kept.stored()
    pictures = [file for file in files if file.name != "verdict.json"]
    for batch in (pictures, files[len(pictures) :]):
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(lambda file: _put(store, kept, file), batch))
    say(f"{len(files)} objects of S3")
    keys = _load(client, kept, elapsed=now - manifest.taken_at)
    say(f"{keys} keys of Redis\nNow start the gateways and workers: jobs that had not ended go on.")


def _restore_keys(settings: Settings, kept: Keepsake) -> None:
    """A file that is there with other content is somebody else's: nothing is overwritten."""
    pairs = (
        (settings.file_of("GATEWAY_ID_KEYS"), kept.id_keys),
        (settings.path("GATEWAY_API_KEYS_FILE"), kept.api_keys),
    )
    for target, source in pairs:
        if target is None or not source.exists():
            continue
        if not target.exists():
            _write(target, source.read_text())
        elif target.read_text().split() != source.read_text().split():
            raise Refused(f"{target} differs from {source}: move it away, or put what should count into it")
    if settings["GATEWAY_ID_KEYS"].split() != kept.id_keys.read_text().split():
        raise Refused(f"GATEWAY_ID_KEYS is not what {kept.id_keys} holds: set it to that, or every link is dead")


def _write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch(mode=0o600)
    target.write_text(text)


def _put(store: Store, kept: Keepsake, file: Path) -> None:
    body = file.read_bytes()
    key, kind = str(file.relative_to(kept.objects)), TYPES.get(file.suffix, "application/octet-stream")
    with store.answering():
        store.client.put_object(store.bucket, key, io.BytesIO(body), len(body), kind)


def _load(client: Any, kept: Keepsake, elapsed: int) -> int:
    """All or nothing; what would have expired since (elapsed in ms) is left out."""
    pipe = client.pipeline(transaction=True)
    count = 0
    for item in kept.redis():
        left = 0 if item.ttl < 0 else item.ttl - elapsed  # to RESTORE, 0 is for ever
        if left > 0 or item.ttl < 0:
            pipe.restore(item.key, left, item.value, replace=True)
            count += 1
    pipe.execute()
    return count
