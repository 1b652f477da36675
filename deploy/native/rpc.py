"""XML-RPC over the Unix socket on which supervisor listens."""

from __future__ import annotations

import http.client
import socket
import xmlrpc.client
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault

__all__ = ["ALREADY_STARTED", "NOT_RUNNING", "Fault", "connect"]

# supervisor's fault codes: the process runs, or has ended, as was asked for.
ALREADY_STARTED = 60
NOT_RUNNING = 70


def connect(path: Path) -> Any:
    """supervisor's own methods; each call raises OSError when nobody listens, Fault when it is refused."""
    return xmlrpc.client.ServerProxy("http://runner", transport=_UnixTransport(path)).supervisor


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: object) -> http.client.HTTPConnection:
        return _UnixConnection(self._path)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("runner")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(self._path))
