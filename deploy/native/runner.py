"""supervisor, the process runner: its configuration, and talking to it over its own socket."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import time
import xmlrpc.client
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import tools
from process import Process
from settings import Settings, data_dir

# Every process of a stack carries this in its environment: so that nothing of it can hide from `down`.
TAG = "DARKROOM_STACK"

# A Unix socket's path has 108 bytes, and supervisor adds a suffix while it starts.
LONGEST_SOCKET = 90


@dataclass(frozen=True)
class Status:
    """What the runner knows of one process; `pid` is 0 when it does not run, `seconds` counts since its last start."""

    name: str
    state: str
    pid: int
    seconds: int
    note: str


class Runner:
    """One supervisord, belonging to one data folder."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = data_dir(settings) / "run"
        self.logs = data_dir(settings) / "logs"
        self.socket = self.folder / "supervisor.sock"

    def is_up(self) -> bool:
        try:
            self._call().supervisor.getState()
        except OSError:
            return False
        return True

    def statuses(self) -> dict[str, Status]:
        """By name, in starting order; empty when the runner is down."""
        if not self.is_up():
            return {}
        found = self._call().supervisor.getAllProcessInfo()
        return {
            item["name"]: Status(
                name=item["name"],
                state=item["statename"],
                pid=item["pid"],
                seconds=max(0, item["now"] - item["start"]) if item["pid"] else 0,
                note=item["spawnerr"],
            )
            for item in found
        }

    def apply(self, processes: Iterable[Process]) -> None:
        """Makes these the processes that run: starts new ones, restarts changed ones, stops the others."""
        wanted = list(processes)
        for folder in (self.folder, self.logs):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        configuration = self.folder / "supervisord.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(self._render(wanted))
        if not self.is_up():
            self._launch(configuration)
            return
        call = self._call().supervisor
        added, changed, removed = call.reloadConfig()[0]
        for name in removed + changed:
            call.stopProcessGroup(name)
            call.removeProcessGroup(name)
        for name in changed + added:
            call.addProcessGroup(name)
        for status in self.statuses().values():
            if status.state in ("STOPPED", "EXITED", "FATAL"):
                call.startProcess(status.name, False)

    def start(self, name: str) -> None:
        self._call().supervisor.startProcess(name, False)

    def stop(self, name: str) -> None:
        """Returns when the process has ended: after SIGTERM, or SIGKILL once its time is up."""
        self._call().supervisor.stopProcess(name, True)

    def stop_all(self, levels: Iterable[Iterable[str]]) -> None:
        """Stops the processes of each level together, one level after the other, then the runner itself."""
        for level in levels:
            names = [name for name in level if self.statuses()[name].pid]
            for name in names:
                self._call().supervisor.stopProcess(name, False)
            while any(self.statuses()[name].pid for name in names):
                time.sleep(0.1)
        runner_pid = int((self.folder / "supervisord.pid").read_text())
        self._call().supervisor.shutdown()
        while Path(f"/proc/{runner_pid}").exists():
            time.sleep(0.1)

    def _launch(self, configuration: Path) -> None:
        if len(str(self.socket)) > LONGEST_SOCKET:
            raise ValueError(f"DATA_DIR={data_dir(self.settings)}: too long for a socket inside it, at most {LONGEST_SOCKET - 20} characters")
        plain = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TZ", "LD_LIBRARY_PATH") if key in os.environ}
        subprocess.run(
            [tools.program(self.settings, "supervisord"), "-c", str(configuration)],
            env={**plain, TAG: str(data_dir(self.settings))},
            check=True,
            stdin=subprocess.DEVNULL,
        )
        while not self.is_up():
            time.sleep(0.05)

    def _render(self, processes: Iterable[Process]) -> str:
        lines = [
            "[unix_http_server]",
            f"file={self.socket}",
            "chmod=0700",
            "[supervisord]",
            f"logfile={self.logs}/supervisord.log",
            f"pidfile={self.folder}/supervisord.pid",
            f"childlogdir={self.logs}",
            "umask=077",
            "minfds=4096",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        ]
        for process in processes:
            lines += [
                f"[program:{process.name}]",
                f"command={_escaped(process.command)}",
                f"directory={_escaped(str(process.directory))}",
                "environment=" + ",".join(f"{key}={_quoted(key, value)}" for key, value in sorted(process.environment.items())),
                f"priority={process.priority}",
                f"stopwaitsecs={process.stop_seconds}",
                "stopsignal=TERM",
                "stopasgroup=false",
                "killasgroup=true",
                "autorestart=true",
                "startsecs=1",
                "startretries=10",
                "redirect_stderr=true",
                f"stdout_logfile={self.logs}/{process.name}.log",
                "stdout_logfile_maxbytes=20MB",
                "stdout_logfile_backups=1",
            ]
        return "\n".join(lines) + "\n"

    def _call(self) -> xmlrpc.client.ServerProxy:
        return xmlrpc.client.ServerProxy("http://runner", transport=_UnixTransport(self.socket))


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


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(key: str, value: str) -> str:
    """supervisor knows no way to escape a quote inside a value."""
    mark = "'" if '"' in value else '"'
    if mark in value or "\n" in value:
        raise ValueError(f"{key}: a value for the process runner holds no line break and not both kinds of quotes; use {key}_FILE")
    return f"{mark}{_escaped(value)}{mark}"
