"""The gateway: built from the checkout, run as many times as GATEWAY_COUNT says."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import credentials
import environment
import probe
import step
from process import Process
from settings import CHECKOUT, BadSetting, Settings, data_dir

# Number n listens 2n ports above the first: an API port and an admin port each.
PORTS_EACH = 2


def binary(settings: Settings) -> Path:
    """In the data folder, so that a running stack keeps its gateway while the checkout is worked on."""
    return data_dir(settings) / "bin" / "darkroom-gateway"


def build(settings: Settings) -> None:
    """Builds anew each time: Go's own cache knows what has changed."""
    target = binary(settings)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(".new")
    step.run(
        "building the gateway",
        ["go", "build", "-v", "-o", str(draft), "."],
        {**os.environ, "CGO_ENABLED": "0"},
        CHECKOUT / "gateway-go",
    )
    if target.exists() and step.digest([target]) == step.digest([draft]):
        draft.unlink()
    else:
        draft.rename(target)


def processes(settings: Settings) -> list[Process]:
    made = []
    for index in range(int(settings["GATEWAY_COUNT"])):
        (_, port), (admin_host, admin_port) = _addresses(settings, index)
        made.append(
            Process(
                name=f"gateway-{index}",
                command=str(binary(settings)),
                directory=CHECKOUT,
                environment=environment_of(settings, index),
                version=_version(settings),
                probe=partial(probe.http, f"http://{_reached(admin_host)}:{admin_port}/readyz"),
                ports={"GATEWAY_PORT": port, "GATEWAY_ADMIN_PORT": admin_port},
                priority=40,
                stop_seconds=30,
            )
        )
    return made


def url(settings: Settings) -> str:
    """Where the first gateway's page and API are reached from this machine."""
    host, port = _addresses(settings, 0)[0]
    return f"http://{_reached(host)}:{port}"


def admin_addresses(settings: Settings) -> list[str]:
    """Where the metrics of each gateway are reached from this machine."""
    found = [_addresses(settings, index)[1] for index in range(int(settings["GATEWAY_COUNT"]))]
    return [f"{_reached(host)}:{port}" for host, port in found]


def environment_of(settings: Settings, index: int) -> dict[str, str]:
    (host, port), (admin_host, admin_port) = _addresses(settings, index)
    own = {"GATEWAY_ADDR": f"{host}:{port}", "GATEWAY_ADMIN_ADDR": f"{admin_host}:{admin_port}"}
    if not settings.keys() & {"GATEWAY_ID_KEYS", "GATEWAY_ID_KEYS_FILE"}:
        own["GATEWAY_ID_KEYS_FILE"] = str(credentials.id_keys_file(settings))
    if "GATEWAY_API_KEYS_FILE" not in settings:
        own["GATEWAY_API_KEYS_FILE"] = str(credentials.api_keys_file(settings))
    return {**environment.shared(settings), **own}


def _addresses(settings: Settings, index: int) -> list[tuple[str, int]]:
    """Host and port of API and admin listener; an address that the operator gave is the first gateway's."""
    found = []
    for key, port_key in (("GATEWAY_ADDR", "GATEWAY_PORT"), ("GATEWAY_ADMIN_ADDR", "GATEWAY_ADMIN_PORT")):
        host, _, port = settings.get(key, f"127.0.0.1:{settings[port_key]}").rpartition(":")
        if not port.isdecimal():
            raise BadSetting(f"{key}={settings[key]}: must be host:port")
        found.append((host, int(port) + PORTS_EACH * index))
    return found


def _reached(host: str) -> str:
    """Who listens everywhere is asked on loopback."""
    return "127.0.0.1" if host in ("", "0.0.0.0", "[::]") else host  # noqa: S104 - compared, not bound


def _version(settings: Settings) -> str:
    files = (binary(settings), Path(settings["MODELS_FILE"]))
    return step.digest([path for path in files if path.exists()])[:12]
