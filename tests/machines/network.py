"""Machines of their own: network namespaces on one switch, whose cables can be pulled. Needs root and iproute2."""

import ctypes
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

NEWNET = 0x40000000  # CLONE_NEWNET
SWITCH = "switch"


class Network:
    """`hosts`: name -> address in 10.213.0.0/24. Nothing of it is seen, or can be reached, from outside."""

    def __init__(self, hosts: Mapping[str, str]) -> None:
        self.hosts = hosts
        self._tag = f"dr{os.getpid()}"
        self._libc = ctypes.CDLL(None, use_errno=True)

    def up(self) -> None:
        _ip("netns", "add", self._namespace(SWITCH))
        self._ip(SWITCH, "link", "add", "bridge", "type", "bridge")
        self._ip(SWITCH, "link", "set", "bridge", "up")
        for number, (name, address) in enumerate(self.hosts.items()):
            space, port = self._namespace(name), _port(number)
            _ip("netns", "add", space)
            self._ip(
                name, "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", self._namespace(SWITCH)
            )
            self._ip(name, "address", "add", f"{address}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                self._ip(name, "link", "set", device, "up")
            self._ip(SWITCH, "link", "set", port, "master", "bridge", "up")

    def down(self) -> None:
        """With a namespace go its devices; what still runs in it keeps nothing."""
        for name in (*self.hosts, SWITCH):
            subprocess.run(["ip", "netns", "delete", self._namespace(name)], check=False, capture_output=True)

    def start(self, host: str, command: Sequence[str], log: IO[bytes], **more: object) -> subprocess.Popen[bytes]:
        """Runs a program on a machine; `more` is Popen's."""
        whole = ["ip", "netns", "exec", self._namespace(host), *command]
        return subprocess.Popen(whole, stdout=log, stderr=log, **more)  # type: ignore[call-overload,no-any-return]

    @contextmanager
    def sitting_at(self, host: str) -> Iterator[None]:
        """This thread, and what it starts, is on that machine meanwhile."""
        with open("/proc/thread-self/ns/net") as own, open(Path("/run/netns") / self._namespace(host)) as other:
            self._enter(other.fileno())
            try:
                yield
            finally:
                self._enter(own.fileno())

    @contextmanager
    def cut_off(self, host: str) -> Iterator[None]:
        """Its cable is pulled: no connection is closed, nothing more arrives."""
        port = _port(list(self.hosts).index(host))
        self._ip(SWITCH, "link", "set", port, "down")
        try:
            yield
        finally:
            self._ip(SWITCH, "link", "set", port, "up")

    def _enter(self, descriptor: int) -> None:
        if self._libc.setns(descriptor, NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    def _namespace(self, name: str) -> str:
        return f"{self._tag}-{name}"

    def _ip(self, host: str, *arguments: str) -> None:
        _ip("-n", self._namespace(host), *arguments)


def _port(number: int) -> str:
    return f"port{number}"


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
