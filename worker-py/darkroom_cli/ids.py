"""Job ids, as contract/README.md has them: they say when a job was made and until when it must end, and prove its owner."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b32hexencode

from darkroom_cli.trouble import NotFound

_FORM = re.compile("[0-9a-v]{28}[02468acegikmoqsu][0-9a-v]{12}[02468acegikmoqsu]")


def checked(job_id: str) -> str:
    """The id itself. Raises NotFound for what cannot be one."""
    if not _FORM.fullmatch(job_id):
        raise NotFound(f"{job_id} is no job id: those have 42 characters; `darkroom jobs` lists them")
    return job_id


def times(job_id: str) -> tuple[int, int]:
    """When the job was made and its deadline, in ms since 1970."""
    number = int(job_id[:29], 32) >> 1
    created = number >> 96
    return created, created + (number >> 80 & 0xFFFF) * 1000


def mint(keys: str, owner: str, created: int, seconds: int) -> str:
    """A new id for this owner; created in ms since 1970, the deadline in seconds after it. The first key signs."""
    key = bytes.fromhex(re.split(r"[\s,]+", keys.strip())[0])
    body = created.to_bytes(6, "big") + seconds.to_bytes(2, "big") + secrets.token_bytes(10)
    proof = hmac.new(key, body + b"\0" + owner.encode(), hashlib.sha256).digest()[:8]
    return "".join(b32hexencode(part).decode().rstrip("=").lower() for part in (body, proof))
