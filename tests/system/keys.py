"""API keys, made by the operator's command."""

import subprocess

from system.client import Client
from system.stack import Stack
from system.wait import until


def keys(stack: Stack, *arguments: str) -> str:
    command = [str(stack.folder / "bin" / "darkroom-gateway"), "keys", *arguments]
    return subprocess.run(command, env=stack.environment, stdout=subprocess.PIPE, text=True, check=True).stdout


def new_key(stack: Stack) -> str:
    """A key that the gateways know: they look into the file once a second."""
    key = keys(stack, "add", "system tests").strip()
    client = Client(stack.gateways, key)
    for gateway in range(len(stack.gateways)):
        until(lambda: client.request("GET", "/v1/jobs", gateway).is_success, 20, "it is known")  # noqa: B023
    return key
