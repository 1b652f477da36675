"""How to ask an HTTP service whether it can do its work."""

from __future__ import annotations

import urllib.request

# Seconds that one question may take.
PATIENCE = 3.0

# Loopback is never asked through a proxy of the machine.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def http(url: str, headers: dict[str, str] | None = None) -> None:
    """Raises OSError (of which HTTPError is one) unless the answer is a success."""
    with _direct.open(urllib.request.Request(url, headers=headers or {}), timeout=PATIENCE):
        pass
