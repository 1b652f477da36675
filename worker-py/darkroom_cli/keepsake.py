"""A backup as it lies in a folder: what it holds, how it is written and how it is read again.

manifest.json   when it was taken, what is in it, the SHA-256 of redis.jsonl
id_keys         the keys that prove job ids; without them every link is dead
api_keys        the gateway's file of hashed API keys, if there is one
redis.jsonl     one key a line: {"key", "ttl": ms left or -1, "value": base64 of what DUMP answered}
s3/             the bucket's objects, each under its own name
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from darkroom_cli.trouble import BadSetting, Refused

VERSION = 1


@dataclass(frozen=True)
class Manifest:
    """`taken_at` is Redis time in ms."""

    version: int
    taken_at: int
    keys: int
    objects: int
    redis_sha256: str


@dataclass(frozen=True)
class Dumped:
    """One Redis key as DUMP wrote it; ttl in ms, -1 when it never expires."""

    key: str
    ttl: int
    value: bytes


class Keepsake:
    """One folder. It is whole once its manifest is there, which is written last."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.objects = folder / "s3"
        self.id_keys = folder / "id_keys"
        self.api_keys = folder / "api_keys"
        self._redis = folder / "redis.jsonl"
        self._manifest = folder / "manifest.json"

    def begin(self) -> None:
        """Makes the folder, for its owner alone. Raises BadSetting unless it is new or empty."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any(self.folder.iterdir()):
            raise BadSetting(f"{self.folder} is not empty: a backup goes into a folder of its own")
        self.folder.chmod(0o700)
        self.objects.mkdir()

    def write_secret(self, path: Path, text: str) -> None:
        path.touch(mode=0o600)
        path.write_text(text)

    def write_redis(self, keys: Iterable[Dumped]) -> int:
        count = 0
        with self._redis.open("w") as file:
            for count, item in enumerate(keys, 1):  # noqa: B007 - it is what is answered
                value = base64.b64encode(item.value).decode()
                file.write(json.dumps({"key": item.key, "ttl": item.ttl, "value": value}) + "\n")
        return count

    def finish(self, taken_at: int, keys: int, objects: int) -> Manifest:
        manifest = Manifest(VERSION, taken_at, keys, objects, _sha256(self._redis))
        self._manifest.write_text(json.dumps(asdict(manifest), indent=2) + "\n")
        return manifest

    def manifest(self) -> Manifest:
        """Raises Refused for what is no whole backup, or one of a later version."""
        try:
            read = json.loads(self._manifest.read_text())
        except (OSError, ValueError) as error:
            raise Refused(f"{self.folder} is no whole backup: its manifest.json cannot be read ({error})") from error
        if read["version"] > VERSION:
            raise Refused(f"{self.folder} was made by a later darkroom: restore it with that one")
        manifest = Manifest(**{name: read[name] for name in Manifest.__dataclass_fields__})
        if _sha256(self._redis) != manifest.redis_sha256:
            raise Refused(f"{self._redis} is damaged: its SHA-256 is not that of the manifest")
        return manifest

    def redis(self) -> Iterator[Dumped]:
        with self._redis.open() as file:
            for line in file:
                item = json.loads(line)
                yield Dumped(item["key"], item["ttl"], base64.b64decode(item["value"]))

    def stored(self) -> list[Path]:
        """Pictures before verdicts: a verdict never names what is not there yet."""
        files = [Path(folder) / name for folder, _, names in os.walk(self.objects) for name in names]
        return sorted(files, key=lambda path: (path.name == "verdict.json", path))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
