"""supervisor, the process runner: its configuration, and talking to it over its own socket."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import leftovers
import rpc
import supervisord
import tools
from process import Process
from settings import BadSetting, Settings, data_dir

# A Unix socket's path has 108 bytes, and supervisor adds a suffix while it starts.
LONGEST_SOCKET = 90

# It has forked by then and only has to listen; one that died since never will.
LAUNCH_SECONDS = 30


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
        self._supervisor = rpc.connect(self.socket)

    def is_up(self) -> bool:
        try:
            self._supervisor.getState()
        except OSError:
            return False
        return True

    def statuses(self) -> dict[str, Status]:
        """By name; empty when the runner is down."""
        if not self.is_up():
            return {}
        found = self._supervisor.getAllProcessInfo()
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

    def apply(self, processes: Iterable[Process]) -> list[str]:
        """Makes these the processes that run: starts new ones, stops others, restarts changed ones and says which."""
        wanted = list(processes)
        for folder in (self.folder, self.logs):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        configuration = self.folder / "supervisord.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(supervisord.render(self.folder, self.logs, self.socket, wanted))
        if not self.is_up():
            self._launch(configuration)
            return []
        call = self._supervisor
        added, changed, removed = call.reloadConfig()[0]
        for name in removed + changed:
            call.stopProcessGroup(name)
            call.removeProcessGroup(name)
        for name in changed + added:
            call.addProcessGroup(name)
        for status in self.statuses().values():
            if status.state in ("STOPPED", "EXITED", "FATAL"):
                call.startProcess(status.name, False)
        return list(changed)

    def start(self, name: str) -> None:
        """Also when somebody else has started it meanwhile."""
        try:
            self._supervisor.startProcess(name, False)
        except rpc.Fault as fault:
            if fault.faultCode != rpc.ALREADY_STARTED:
                raise

    def stop(self, name: str) -> None:
        """Returns when the process has ended: after SIGTERM, or SIGKILL once its time is up."""
        self.stop_together([name])

    def stop_together(self, names: Collection[str]) -> None:
        """Asks all of them to end, then waits until all have. What somebody else starts in their place meanwhile is not waited for."""
        for name in names:
            self._ask_to_stop(name)
        asked = {
            status.pid for status in self.statuses().values() if status.name in names and status.state == "STOPPING"
        }
        while any(status.pid in asked for status in self.statuses().values()):
            time.sleep(0.1)

    def quit(self) -> None:
        """Ends the runner itself, and whatever it still runs."""
        pid = self._supervisor.getPID()
        self._supervisor.shutdown()
        while leftovers.command(pid):
            time.sleep(0.1)

    def _ask_to_stop(self, name: str) -> None:
        try:
            self._supervisor.stopProcess(name, False)
        except rpc.Fault as fault:
            if fault.faultCode != rpc.NOT_RUNNING:
                raise

    def _launch(self, configuration: Path) -> None:
        if len(str(self.socket)) > LONGEST_SOCKET:
            raise BadSetting(
                f"DATA_DIR={data_dir(self.settings)}: too long for the path of a socket; choose a shorter one"
            )
        plain = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TZ", "LD_LIBRARY_PATH") if key in os.environ}
        subprocess.run(
            [tools.program(self.settings, "supervisord"), "-c", str(configuration)],
            env={**plain, leftovers.TAG: str(data_dir(self.settings))},
            check=True,
            stdin=subprocess.DEVNULL,
        )
        end = time.monotonic() + LAUNCH_SECONDS
        while not self.is_up():
            if time.monotonic() > end:
                log = self.logs / "supervisord.log"
                raise BadSetting(f"the process runner does not answer after {LAUNCH_SECONDS} s: see {log}")
            time.sleep(0.05)
