"""supervisor's configuration file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from process import Process
from settings import BadSetting


def render(folder: Path, logs: Path, socket: Path, processes: Iterable[Process]) -> str:
    """The file's text: the runner keeps its own files in `folder`, one log per process in `logs`."""
    sections = [
        f"""\
[unix_http_server]
file={socket}
chmod=0700
[supervisord]
logfile={logs}/supervisord.log
pidfile={folder}/supervisord.pid
childlogdir={logs}
umask=077
minfds=4096
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
    ]
    return "".join([*sections, *(_program(logs, process) for process in processes)])


def _program(logs: Path, process: Process) -> str:
    variables = {**process.environment, "DARKROOM_VERSION": process.version}
    environment = ",".join(f"{key}={_quoted(key, value)}" for key, value in sorted(variables.items()))
    return f"""\
[program:{process.name}]
command={_escaped(process.command)}
directory={_escaped(str(process.directory))}
environment={environment}
priority={process.priority}
stopsignal=TERM
stopwaitsecs={process.stop_seconds}
killasgroup=true
autorestart=true
startsecs=1
startretries=10
redirect_stderr=true
stdout_logfile={logs}/{process.name}.log
stdout_logfile_maxbytes=20MB
stdout_logfile_backups=1
"""


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(key: str, value: str) -> str:
    """supervisor cannot escape a quote, strips quotes at both ends, takes " ;" and " #" for the start of a comment."""
    mark = "'" if '"' in value else '"'
    if mark in value or value != value.strip("'\"") or any(text in value for text in ("\n", " ;", " #")):
        raise BadSetting(
            f"{key}: no line break, no ' ;', no ' #' and no quotes at its ends: the process runner loses them"
        )
    return f"{mark}{_escaped(value)}{mark}"
