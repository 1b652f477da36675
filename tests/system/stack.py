"""A whole Darkroom of its own for the tests: private data folder and ports, proxies before its services, parts that can be killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import httpx

from system.toxiproxy import Toxiproxy
from system.wait import until

ROOT = Path(__file__).resolve().parents[2]
RUNNER = [sys.executable, str(ROOT / "deploy" / "native" / "stack.py")]
OURS = (
    "GATEWAY_",
    "WORKER_",
    "RABBITMQ_",
    "REDIS_",
    "S3_",
    "OTEL_",
    "PUBLISH_ADDR",
    "RETENTION",
    "TLS_CA_FILE",
    "LOG_LEVEL",
    "TEST_MODE",
)
VARIANT = ("S3_SERVER", "REDIS_SERVER")  # may be given from outside: make test-variants
READY_SECONDS = 90
QUEUE_LIMIT = 60  # waiting jobs of one model
PASSWORD = "system-tests"  # noqa: S105 - of a stack that lives as long as the tests
ID_KEY = "5a" * 32


@dataclass(frozen=True)
class Part:
    """A process of the stack."""

    name: str
    pid: int
    command: str


class Stack:
    """Two gateways and three workers with the simulated model unless told otherwise. `settings` are environment keys."""

    def __init__(self, folder: Path, offset: int, gateways: int = 2, workers: int = 3, **settings: str) -> None:
        self.folder = folder
        self.gateways = [f"http://127.0.0.1:{8080 + offset + 2 * index}" for index in range(gateways)]
        self.workers = [f"worker-{index}" for index in range(workers)]
        self.ports = {"rabbitmq": 5682 + offset, "redis": 6389 + offset, "s3": 9010 + offset}
        near = {name: port + 30 for name, port in self.ports.items()}
        clean = {key: value for key, value in os.environ.items() if key in VARIANT or not key.startswith(OURS)}
        self.environment = clean | {
            "ENV_FILE": os.devnull,
            "DATA_DIR": str(folder),
            "PORT_OFFSET": str(offset),
            "GATEWAY_COUNT": str(gateways),
            "WORKER_COUNT": str(workers),
            "WORKER_ENGINE": "simulated",
            "WORKER_MODELS": "simulated,spare",
            "WORKER_NAME": "unit",
            "WORKER_DRAIN_GRACE": "5",
            "MODELS_FILE": str(ROOT / "tests" / "system" / "models.yaml"),
            "TEST_MODE": "true",
            "RABBITMQ_PASSWORD": PASSWORD,
            "RABBITMQ_URL": f"amqp://darkroom:{PASSWORD}@127.0.0.1:{near['rabbitmq']}/",
            "REDIS_URL": f"redis://127.0.0.1:{near['redis']}/0",
            "S3_ENDPOINT": f"127.0.0.1:{near['s3']}",
            "S3_SECRET_KEY": PASSWORD,
            "GATEWAY_JANITOR_INTERVAL": "1s",
            "GATEWAY_QUEUE_LIMIT": str(QUEUE_LIMIT),
            "GATEWAY_ID_KEYS": ID_KEY,
            "GATEWAY_API_KEYS_FILE": str(folder / "api-keys"),
            "GOFLAGS": "-tags=failpoints",
            "GATEWAY_FAIL_AT": str(folder / "fail-at-gateway"),
            "WORKER_FAIL_AT": str(folder / "fail-at-worker"),
            **settings,
        }
        self._near = near
        self._http = httpx.Client(timeout=2)
        self._proxy_port = 8474 + offset
        self._proxy: Toxiproxy | None = None

    @property
    def proxy(self) -> Toxiproxy:
        assert self._proxy is not None, "the stack is down"
        return self._proxy

    @cached_property
    def amqp_url(self) -> str:
        """Past the proxy: the tests' own way to the broker."""
        return f"amqp://darkroom:{PASSWORD}@127.0.0.1:{self.ports['rabbitmq']}/"

    def up(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "api-keys").touch(mode=0o600)
        self._proxy = Toxiproxy(self._proxy_port, {name: (self._near[name], port) for name, port in self.ports.items()})
        self._run("up")

    def down(self) -> None:
        self.proxy.mend()
        # A stopped process hears no SIGTERM.
        for part in self.parts():
            _signal(part.pid, signal.SIGCONT)
        self._run("down")
        self.proxy.stop()

    def parts(self, *names: str) -> list[Part]:
        """Each main process before its descendants."""
        lines = self._run("pids", *names).splitlines()
        return [Part(name, int(pid), command) for name, pid, command in (line.split(" ", 2) for line in lines)]

    @staticmethod
    def part_of(unit: str) -> str:
        """The part that runs a worker, by the name the worker gives itself."""
        return unit.replace("unit-", "worker-")

    def supervisor(self, worker: str) -> Part:
        """The process under gunicorn's master."""
        return [part for part in self.parts(worker) if "gunicorn" in part.command][-1]

    def engine(self, worker: str, model: str = "simulated") -> Part:
        """The child that holds the model; there are others for other models, and a spare."""
        loads = [json.loads(line) for line in self.log(worker).splitlines() if '"a model is loaded"' in line]
        pid = [load["pid"] for load in loads if load["model"] == model][-1]
        return next(part for part in self.parts(worker) if part.pid == pid)

    def kill(self, name: str) -> None:
        """SIGKILL to a part and all its descendants at once, as if its host were lost; the runner starts it again."""
        for part in self.parts(name):
            _signal(part.pid, signal.SIGKILL)

    def freeze(self, name: str) -> list[Part]:
        """SIGSTOP to a part and all its descendants; `thaw` them."""
        parts = self.parts(name)
        for part in parts:
            _signal(part.pid, signal.SIGSTOP)
        return parts

    def thaw(self, parts: list[Part]) -> None:
        for part in parts:
            _signal(part.pid, signal.SIGCONT)

    def stop(self, *names: str) -> None:
        self._run("stop", *names)

    def start(self, *names: str) -> None:
        self._run("start", *names)

    def restart(self, *names: str) -> None:
        self._run("restart", *names)

    def roll(self, half: str) -> None:
        """One after the other, each ready before the next: as an operator would put a new version in place."""
        for name in [name for name in self.health() if name.startswith(half)]:
            self.restart(name)
            self.until_ready(names=(name,))

    def until_ready(self, limit: float = READY_SECONDS, names: Collection[str] = ()) -> None:
        """Every gateway and worker, or these, say that they can work."""
        for name, url in self.health().items():
            if not names or name in names:
                until(lambda url=url: self._http.get(f"{url}/readyz").is_success, limit, f"{name} is ready")  # type: ignore[misc]

    @contextmanager
    def memory_alarm(self) -> Iterator[None]:
        """RabbitMQ has less memory than it uses."""
        self._rabbitmqctl("set_vm_memory_high_watermark", "absolute", "1MB")
        try:
            yield
        finally:
            self._rabbitmqctl("set_vm_memory_high_watermark", "0.6")

    def _rabbitmqctl(self, *arguments: str) -> None:
        home = self.folder / "rabbitmq"
        epmd = str(4379 + int(self.environment["PORT_OFFSET"]))
        environment = os.environ | {"HOME": str(home), "ERL_EPMD_PORT": epmd, "RABBITMQ_CONF_ENV_FILE": os.devnull}
        command = ["/usr/lib/rabbitmq/bin/rabbitmqctl", "-q", "-n", "darkroom@localhost", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"rabbitmqctl {' '.join(arguments)}: {done.stdout[-1000:]}{done.stderr[-1000:]}")

    def log(self, name: str) -> str:
        return (self.folder / "logs" / f"{name}.log").read_text(errors="replace")

    def admin(self, gateway: int = 0) -> str:
        """The base address of a gateway's health and metrics."""
        base, port = self.gateways[gateway].rsplit(":", 1)
        return f"{base}:{int(port) + 1}"

    def worker_url(self, index: int = 0) -> str:
        return f"http://127.0.0.1:{8090 + int(self.environment['PORT_OFFSET']) + index}"

    def health(self) -> dict[str, str]:
        """Where each gateway and worker tells of itself, by its part's name."""
        admins = {f"gateway-{index}": self.admin(index) for index in range(len(self.gateways))}
        return admins | {f"worker-{index}": self.worker_url(index) for index in range(len(self.workers))}

    def _run(self, *arguments: str) -> str:
        done = subprocess.run([*RUNNER, *arguments], env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"stack.py {' '.join(arguments)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it was quicker
