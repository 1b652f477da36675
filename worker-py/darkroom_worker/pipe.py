"""The pipe between supervisor and engine: frames of a JSON head and raw bytes, both ways over one socket pair."""

from __future__ import annotations

import asyncio
import json
import struct
from typing import Any, BinaryIO

_LENGTHS = struct.Struct("!IQ")  # of the head, of the bytes

Frame = tuple[dict[str, Any], bytes]


def pack(head: dict[str, Any], blob: bytes = b"") -> bytes:
    text = json.dumps(head).encode()
    return _LENGTHS.pack(len(text), len(blob)) + text + blob


def read(stream: BinaryIO) -> Frame:
    """The next frame. Raises EOFError when the other side is gone."""
    head_length, blob_length = _LENGTHS.unpack(_exactly(stream, _LENGTHS.size))
    return json.loads(_exactly(stream, head_length)), _exactly(stream, blob_length)


async def receive(reader: asyncio.StreamReader) -> Frame:
    """The next frame. Raises asyncio.IncompleteReadError or ConnectionError when the other side is gone."""
    head_length, blob_length = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
    return json.loads(await reader.readexactly(head_length)), await reader.readexactly(blob_length)


def _exactly(stream: BinaryIO, length: int) -> bytes:
    data = stream.read(length)
    if len(data) != length:
        raise EOFError
    return data
