"""RabbitMQ from the distribution's package, apart from any other on the machine: own home, node, data, ports, epmd."""

from __future__ import annotations

import base64
import shutil
import socket
from functools import partial
from pathlib import Path

import credentials
import probe
import step
from process import Process
from settings import CHECKOUT, Settings, data_dir

# The server itself: the wrapper in sbin changes to another user.
SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
COMMON = CHECKOUT / "deploy" / "rabbitmq"
COPIED = ("advanced.config", "enabled_plugins")


def processes(settings: Settings) -> list[Process]:
    """epmd, the name service of the Erlang node, and the broker."""
    folder = data_dir(settings) / "rabbitmq"
    epmd_port = settings["RABBITMQ_EPMD_PORT"]
    environment = {
        "HOME": str(folder),
        "ERL_EPMD_PORT": epmd_port,
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": "darkroom@localhost",
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_DIST_PORT": settings["RABBITMQ_DIST_PORT"],
        # Cores are shared: no busy waiting, no scheduler tied to one core.
        "RABBITMQ_SCHEDULER_BUSY_WAIT_THRESHOLD": "none",
        "RABBITMQ_SCHEDULER_BIND_TYPE": "u",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        # Makes the start script exec the Erlang machine, so that the runner's process is the broker.
        "RUNNING_UNDER_SYSTEMD": "true",
    }
    return [
        Process(
            name="epmd",
            command=f"/usr/bin/epmd -port {epmd_port} -address 127.0.0.1",
            environment={"HOME": str(folder)},
            directory=folder,
            probe=partial(_answers, int(epmd_port)),
            ports={"RABBITMQ_EPMD_PORT": int(epmd_port)},
            priority=10,
        ),
        Process(
            name="rabbitmq",
            command=f"/bin/sh {CHECKOUT}/deploy/native/rabbitmq-server.sh {SERVER}",
            environment=environment,
            directory=folder,
            probe=partial(_serves, settings),
            version=step.digest([_configuration(settings), *((COMMON / name).read_text() for name in COPIED)]),
            ports={
                key: int(settings[key])
                for key in (
                    "RABBITMQ_PORT",
                    "RABBITMQ_MANAGEMENT_PORT",
                    "RABBITMQ_PROMETHEUS_PORT",
                    "RABBITMQ_DIST_PORT",
                )
            },
            priority=20,
            stop_seconds=30,
        ),
    ]


def prepare(settings: Settings) -> None:
    """Writes what the broker reads at start. It makes its user at its first start: the password is never drawn anew."""
    folder = data_dir(settings) / "rabbitmq"
    folder.mkdir(parents=True, exist_ok=True)
    _write_private(folder / ".erlang.cookie", credentials.erlang_cookie(settings), mode=0o400)
    _write_private(folder / "rabbitmq.conf", _configuration(settings))
    for name in COPIED:
        shutil.copyfile(COMMON / name, folder / name)


def _answers(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), probe.PATIENCE).close()


def _serves(settings: Settings) -> None:
    """The broker opens its port before it can serve: only a Connection.Start frame (method frame, type 1) counts."""
    with socket.create_connection(("127.0.0.1", int(settings["RABBITMQ_PORT"])), probe.PATIENCE) as connection:
        connection.sendall(b"AMQP\x00\x00\x09\x01")
        if connection.recv(1) != b"\x01":
            raise EOFError("the broker does not start a conversation")
    credential = f"{settings['RABBITMQ_USER']}:{credentials.password(settings, 'RABBITMQ_PASSWORD')}"
    probe.http(
        f"http://127.0.0.1:{settings['RABBITMQ_MANAGEMENT_PORT']}/api/whoami",
        {"Authorization": "Basic " + base64.b64encode(credential.encode()).decode()},
    )


def _configuration(settings: Settings) -> str:
    return (COMMON / "rabbitmq.conf").read_text() + (
        "\n# This stack's own.\n"
        f"listeners.tcp.1 = 127.0.0.1:{settings['RABBITMQ_PORT']}\n"
        "management.tcp.ip = 127.0.0.1\n"
        f"management.tcp.port = {settings['RABBITMQ_MANAGEMENT_PORT']}\n"
        "prometheus.tcp.ip = 127.0.0.1\n"
        f"prometheus.tcp.port = {settings['RABBITMQ_PROMETHEUS_PORT']}\n"
        f"default_user = {settings['RABBITMQ_USER']}\n"
        f"default_pass = {credentials.password(settings, 'RABBITMQ_PASSWORD')}\n"
        "default_user_tags.administrator = true\n"
        f"consumer_timeout = {settings['RABBITMQ_CONSUMER_TIMEOUT']}\n"
    )


def _write_private(path: Path, text: str, mode: int = 0o600) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)
    path.chmod(mode)
