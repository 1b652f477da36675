"""The real services under the real runner, on ports and in a folder of their own."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

import leftovers
import settings

STACK = Path(__file__).with_name("stack.py")
LIMIT = 60.0


@dataclass(frozen=True)
class Stack:
    folder: Path
    offset: int

    def __call__(self, *arguments: str, **given: str) -> subprocess.CompletedProcess[str]:
        own = {"ENV_FILE": os.devnull, "DATA_DIR": str(self.folder), "PORT_OFFSET": str(self.offset)}
        plain = {key: os.environ[key] for key in ("PATH", "HOME", "CACHE_DIR") if key in os.environ}
        command = [sys.executable, str(STACK), *arguments]
        return subprocess.run(command, env={**plain, **own, **given}, capture_output=True, text=True, check=False)

    def main_pid(self, name: str) -> int:
        lines = self("pids", name).stdout.splitlines()
        return int(lines[0].split()[1]) if lines else 0

    def processes(self) -> list[int]:
        return leftovers.tagged(self.folder)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def free_offset() -> int:
    candidates = random.sample(range(1100, 1900, 20), 40)
    return next(offset for offset in candidates if all(is_free(port + offset) for port in settings.PORTS.values()))


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, f"not within {LIMIT:.0f} s: {what}"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    one = Stack(tmp_path_factory.mktemp("stack"), free_offset())
    came_up = one("up", "--services-only")
    assert came_up.returncode == 0, came_up.stderr
    yield one
    one("down")


def test_coming_up_again_changes_nothing(stack: Stack) -> None:
    before = [stack.main_pid(name) for name in ("rabbitmq", "redis", "s3")]

    again = stack("up", "--services-only")

    assert again.returncode == 0
    assert [stack.main_pid(name) for name in ("rabbitmq", "redis", "s3")] == before


def test_several_who_restart_the_same_part_at_once_all_come_to_an_end(stack: Stack) -> None:
    before = stack.main_pid("redis")

    with ThreadPoolExecutor() as pool:
        restarts = list(pool.map(lambda _: stack("restart", "redis"), range(4), timeout=LIMIT))

    assert [done.returncode for done in restarts] == [0] * 4, restarts
    assert stack.main_pid("redis") not in (0, before)


def test_a_changed_setting_restarts_what_reads_it(stack: Stack) -> None:
    redis, rabbitmq = stack.main_pid("redis"), stack.main_pid("rabbitmq")

    stack("up", "redis", REDIS_PORT=str(6389 + stack.offset + 5))

    assert stack.main_pid("redis") != redis
    assert stack.main_pid("rabbitmq") == rabbitmq
    assert not is_free(6389 + stack.offset + 5)
    stack("up", "redis")


@pytest.mark.parametrize("name", ["rabbitmq", "redis", "s3"])
def test_a_killed_service_comes_back_by_itself(stack: Stack, name: str) -> None:
    before = stack.main_pid(name)

    stack("kill", name)

    until(lambda: stack.main_pid(name) not in (0, before), f"a new {name}")
    assert stack("up", "--services-only").returncode == 0


def test_what_was_stopped_stays_stopped_until_it_is_started(stack: Stack) -> None:
    stack("stop", "redis")
    assert is_free(6389 + stack.offset)

    stack("start", "redis")
    until(lambda: not is_free(6389 + stack.offset), "redis back on its port")


def test_a_taken_port_is_one_line_that_names_the_key(stack: Stack, tmp_path: Path) -> None:
    refused = Stack(tmp_path, stack.offset)("up", "redis")

    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "REDIS_PORT" in refused.stderr
    assert str(6389 + stack.offset) in refused.stderr


def test_a_second_stack_lives_beside_the_first(stack: Stack, tmp_path: Path) -> None:
    second = Stack(tmp_path, stack.offset + 10)

    assert second("up", "redis").returncode == 0
    second("down")

    assert second.processes() == []
    assert stack.main_pid("redis") != 0


def test_an_unknown_name_is_refused_with_the_names_there_are(stack: Stack) -> None:
    refused = stack("kill", "postgres")

    assert refused.returncode == 1
    assert "rabbitmq" in refused.stderr


def test_down_leaves_no_process_and_no_port(tmp_path: Path) -> None:
    one = Stack(tmp_path, free_offset())
    assert one("up", "--services-only").returncode == 0

    assert one("down").returncode == 0

    assert one.processes() == []
    assert all(is_free(port + one.offset) for port in settings.PORTS.values())


def test_down_ends_even_what_the_runner_lost(tmp_path: Path) -> None:
    one = Stack(tmp_path, free_offset())
    assert one("up", "redis").returncode == 0
    redis = one.main_pid("redis")
    os.kill(int((tmp_path / "run" / "supervisord.pid").read_text()), signal.SIGKILL)

    assert one("down").returncode == 0

    assert leftovers.command(redis) == ""
    assert one.processes() == []
