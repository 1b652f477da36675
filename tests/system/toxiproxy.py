"""toxiproxy in front of RabbitMQ, Redis and S3: what the gateways and workers see of them can be cut and slowed."""

import itertools
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from system.wait import until

PACKAGE = "github.com/Shopify/toxiproxy/v2/cmd/server"
VERSION = "v2.12.0"


def binary() -> Path:
    """Built once, kept outside the checkout."""
    cache = Path(os.environ.get("CACHE_DIR") or Path.home() / ".cache" / "darkroom")
    target = cache / "go" / f"toxiproxy-{VERSION}" / "server"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {"GOBIN": str(target.parent), "GOFLAGS": ""}
        subprocess.run(["go", "install", f"{PACKAGE}@{VERSION}"], env=environment, check=True)
    return target


class Toxiproxy:
    """One proxy per service, named as the service."""

    def __init__(self, port: int, proxies: dict[str, tuple[int, int]]) -> None:
        """`proxies`: name -> (port that the gateways and workers use, port of the service)."""
        self._process = subprocess.Popen(
            [binary(), "-host", "127.0.0.1", "-port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10)
        until(lambda: self._http.get("/version").is_success, 10, "toxiproxy answers")
        self._count = itertools.count()
        for name, (near, far) in proxies.items():
            body = {"name": name, "listen": f"127.0.0.1:{near}", "upstream": f"127.0.0.1:{far}", "enabled": True}
            self._http.post("/proxies", json=body).raise_for_status()

    def cut(self, name: str) -> None:
        """Refuses connections and breaks those there are."""
        self._http.post(f"/proxies/{name}", json={"enabled": False}).raise_for_status()

    def mend(self) -> None:
        """Every proxy on, every toxic gone."""
        self._http.post("/reset").raise_for_status()

    @contextmanager
    def away(self, *names: str) -> Iterator[None]:
        for name in names:
            self.cut(name)
        try:
            yield
        finally:
            self.mend()

    @contextmanager
    def away_alone(self, name: str) -> Iterator[None]:
        """As `away`, and leaves every other trouble where it is."""
        self.cut(name)
        try:
            yield
        finally:
            self._http.post(f"/proxies/{name}", json={"enabled": True}).raise_for_status()

    @contextmanager
    def toxic(self, name: str, kind: str, stream: str = "downstream", **attributes: int) -> Iterator[None]:
        """One trouble of toxiproxy's own kinds, and only that; several may be there at once."""
        own = f"{kind}-{next(self._count)}"
        toxic = {"name": own, "type": kind, "stream": stream, "attributes": attributes}
        self._http.post(f"/proxies/{name}/toxics", json=toxic).raise_for_status()
        try:
            yield
        finally:
            self._http.delete(f"/proxies/{name}/toxics/{own}")

    def slow(self, name: str, latency_ms: int) -> None:
        """Adds latency to what the service answers."""
        toxic = {"type": "latency", "stream": "downstream", "attributes": {"latency": latency_ms, "jitter": 0}}
        self._http.post(f"/proxies/{name}/toxics", json=toxic).raise_for_status()

    def hold(self, name: str) -> None:
        """What the service answers never arrives; connections stay open."""
        toxic = {"type": "timeout", "stream": "downstream", "attributes": {"timeout": 0}}
        self._http.post(f"/proxies/{name}/toxics", json=toxic).raise_for_status()

    def stop(self) -> None:
        self._http.close()
        self._process.kill()
        self._process.wait()
