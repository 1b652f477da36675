"""A Darkroom over many machines: services, two gateways behind nginx, three workers, a customer; TLS wherever it crosses the network."""

import os
import shutil
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import httpx

from machines import services
from machines.authority import Authority
from machines.network import Network
from system.client import Client
from system.wait import until

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 90
GATEWAYS = ("gateway-1", "gateway-2")
WORKERS = ("worker-1", "worker-2", "worker-3")
LAST = {
    "services": 10,
    "gateway-1": 21,
    "gateway-2": 22,
    "worker-1": 31,
    "worker-2": 32,
    "worker-3": 33,
    "proxy": 40,
    "customer": 50,
}


class Machines:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.network = Network({name: f"10.213.0.{number}" for name, number in LAST.items()})
        self.authority = Authority(folder / "certificates")
        self.trust = ssl.create_default_context(cafile=str(self.authority.certificate))
        self._running: list[subprocess.Popen[bytes]] = []
        self._http = httpx.Client(timeout=5)

    def up(self) -> None:
        """Everything at once: nothing needs an order."""
        self.network.up()
        self._services()
        gateway = self.folder / "darkroom-gateway"
        subprocess.run(["go", "build", "-o", gateway, "."], cwd=ROOT / "gateway-go", check=True)
        for name in GATEWAYS:
            self.start(name, name, [str(gateway)], self.of_gateway())
        for name in WORKERS:
            self.start(name, name, self.worker_command, self.of_worker(name), cwd=ROOT / "worker-py")
        self._proxy()

    def down(self) -> None:
        for process in self._running:
            process.terminate()
        for process in self._running:
            _end(process)
        self.network.down()

    def until_ready(self) -> None:
        for name in GATEWAYS:
            until(lambda name=name: self.ready(name), READY_SECONDS, f"{name} is ready", pause=0.2)  # type: ignore[misc]
        for name in WORKERS:
            until(lambda name=name: self.ready(name), READY_SECONDS, f"{name} is ready", pause=0.2)  # type: ignore[misc]

    def start(
        self, host: str, name: str, command: list[str], environment: dict[str, str], **more: object
    ) -> subprocess.Popen[bytes]:
        """Runs a program on a machine until the end; its log is named after it."""
        plain = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        with self.path_of_log(name).open("wb") as log:
            process = self.network.start(host, command, log, env=plain | environment, start_new_session=True, **more)
        self._running.append(process)
        return process

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        _end(process)
        self._running.remove(process)

    def ready(self, name: str, port: int = 0) -> bool:
        return self._http.get(f"http://{self.network.hosts[name]}:{port or _health_port(name)}/readyz").is_success

    def reasons(self, name: str, port: int) -> str:
        """What a part that is not ready says of it."""
        answer = self._http.get(f"http://{self.network.hosts[name]}:{port}/readyz")
        assert answer.status_code == 503
        return answer.text

    def client(self) -> Client:
        """A caller of his own, by https and through the proxy."""
        client = Client([f"https://{self.network.hosts['proxy']}"])
        client.http = httpx.Client(timeout=70, verify=self.trust)
        return client

    def log(self, name: str) -> str:
        return self.path_of_log(name).read_text(errors="replace")

    def path_of_log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    @property
    def worker_command(self) -> list[str]:
        return [sys.executable, "-m", "gunicorn", "-c", "python:darkroom_worker.serving", "-b", "0.0.0.0:8090"]

    def shared(self) -> dict[str, str]:
        """One setting each for broker, Redis and S3, and whom to trust."""
        host = self.network.hosts["services"]
        return {
            "RABBITMQ_URL": f"amqps://darkroom:{services.PASSWORD}@{host}:5671/",
            "REDIS_URL": f"rediss://:{services.PASSWORD}@{host}:6379/0",
            "S3_ENDPOINT": f"{host}:9000",
            "S3_SECURE": "true",
            "S3_ACCESS_KEY": "machines",
            "S3_SECRET_KEY": services.PASSWORD,
            "TLS_CA_FILE": str(self.authority.certificate),
            "MODELS_FILE": str(ROOT / "tests" / "system" / "models.yaml"),
            "TEST_MODE": "true",
        }

    def of_gateway(self) -> dict[str, str]:
        return self.shared() | {
            "GATEWAY_ADDR": "0.0.0.0:8080",
            "GATEWAY_ADMIN_ADDR": "0.0.0.0:8081",
            "PUBLISH_ADDR": self.network.hosts["proxy"],
            "GATEWAY_ID_KEYS": "5a" * 32,
            "GATEWAY_TRUSTED_PROXIES": self.network.hosts["proxy"],
            "GATEWAY_JANITOR_INTERVAL": "1s",
        }

    def of_worker(self, name: str) -> dict[str, str]:
        own = self.folder / name
        own.mkdir(exist_ok=True)
        return self.shared() | {
            "WORKER_NAME": name,
            "WORKER_MODELS": "simulated",
            "WORKER_SPARE": "false",
            "WORKER_DRAIN_GRACE": "1",
            "WORKER_LOCK_DIR": str(own),
            "WORKER_CACHE_DIR": str(own),
            "CONTRACT_DIR": str(ROOT / "contract"),
        }

    def _services(self) -> None:
        pair = self.authority.issue("services", self.network.hosts["services"])
        self.start("services", "redis", services.redis(self.folder / "redis", *pair), {})
        for name, (command, environment) in {
            "s3": services.s3(self.folder / "s3", *pair),
            "rabbitmq": services.rabbitmq(self.folder / "rabbitmq", *pair),
        }.items():
            self.start("services", name, command, environment)

    def _proxy(self) -> None:
        """The shipped configuration with this network's names."""
        certificate, key = self.authority.issue("proxy", self.network.hosts["proxy"])
        text = (ROOT / "deploy" / "proxy" / "nginx.conf").read_text()
        for name in GATEWAYS:
            text = text.replace(f"{name}:8080", f"{self.network.hosts[name]}:8080")
        text = text.replace("/etc/darkroom/proxy.crt", str(certificate)).replace("/etc/darkroom/proxy.key", str(key))
        folder = self.folder / "nginx"
        folder.mkdir()
        text = text.replace("http {", f'http {{ log_format hops "$upstream_addr"; access_log {folder}/access.log hops;')
        (folder / "nginx.conf").write_text(f"daemon off; user root; pid {folder}/pid;\n{text}")
        self.start("proxy", "nginx", [str(shutil.which("nginx")), "-e", "stderr", "-c", str(folder / "nginx.conf")], {})


def _health_port(name: str) -> int:
    return 8081 if name.startswith("gateway") else 8090


def _end(process: subprocess.Popen[bytes]) -> None:
    """The process and all that it started."""
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
    process.wait()
