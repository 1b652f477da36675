"""The gateway: it is ready, and takes our key."""

from __future__ import annotations

from collections.abc import Iterator

from darkroom_cli.api import Gateway
from darkroom_cli.checks.finding import Finding
from darkroom_cli.settings import Settings
from darkroom_cli.status import readiness
from darkroom_cli.trouble import Away, Refused


def check(settings: Settings) -> Iterator[Finding]:
    told = readiness(settings)
    if told.startswith("no answer"):
        do = "start it: its first lines say what keeps it; or set GATEWAY_ADMIN_ADDR to where it listens"
        yield Finding("gateway_away", f"the gateway gives {told}", do, key="GATEWAY_ADMIN_ADDR")
    elif told != "ready":
        yield Finding("gateway_waits", f"the gateway is not ready: {told}", "mend that part: see the other findings")
    try:
        Gateway(settings).models()
    except Away as away:
        do = "set DARKROOM_URL to the address that people reach"
        yield Finding("api_away", str(away), do, key="DARKROOM_URL")
    except Refused as refused:
        do = "set DARKROOM_API_KEY to a key that `darkroom keys list` shows, or make one: darkroom keys add NAME"
        yield Finding("api_key", f"the gateway refuses us: {refused}", do, key="DARKROOM_API_KEY")
