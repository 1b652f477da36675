"""Whether the ports of what is about to start are free."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable

from process import Process


def complaints(processes: Iterable[Process]) -> list[str]:
    """One line for each port that somebody else holds or that two of ours would share, naming the key to change."""
    lines = []
    seen: dict[int, str] = {}
    for process in processes:
        for key, port in process.ports.items():
            if port in seen:
                lines.append(f"port {port} is wanted by {seen[port]} and by {process.name}: change {key}")
            elif _is_taken(port):
                lines.append(
                    f"port {port} for {process.name} is taken: set {key} (or PORT_OFFSET, which shifts all) in .env"
                )
            seen[port] = process.name
    return lines


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return True
    return False
