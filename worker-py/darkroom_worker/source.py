"""The input picture of a job: an image of an earlier one, as that one's verdict names it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from darkroom_worker.messages import Job, Source
from darkroom_worker.workshop import Workshop


class SourceGone(Exception):
    """The picture cannot be used, now or later; the text says what to do."""


async def fetch(shop: Workshop, job: Job) -> bytes:
    """The file of `spec.image`, empty where a job has none. Raises SourceGone, or StoreAway when the budget is over."""
    source = job.spec.image
    if source is None:
        return b""
    about = _image(await shop.persist(shop.store.read_verdict, source.job), source, job.owner)
    data = await shop.persist(shop.store.read, about["key"], about["size_bytes"] + 1)  # more than that is another file
    if data is None:
        raise SourceGone("The picture to start from was deleted. Choose another.")
    if hashlib.sha256(data).hexdigest() != about["sha256"]:
        raise SourceGone("The picture to start from is damaged. Choose another.")
    return data


def _image(verdict: bytes | None, source: Source, owner: str) -> dict[str, Any]:
    """What the verdict says of the picture."""
    try:
        known: dict[str, Any] = json.loads(verdict or b"{}")
    except ValueError as error:
        raise SourceGone("What is known of the picture to start from is damaged. Choose another.") from error
    if known.get("state") != "succeeded" or known.get("owner") != owner:
        raise SourceGone("The picture to start from is gone: its job was deleted or has expired. Choose another.")
    images: list[dict[str, Any]] = known["images"]
    if source.index >= len(images):
        raise SourceGone(f"The job to start from has no image {source.index}. Choose another.")
    return images[source.index]
