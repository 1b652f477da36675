"""A finished picture is drawn again, larger: a second task, with diffusers itself at work on random weights."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from system.client import Client
from system.stack import ROOT, Stack
from system.wait import until

PORT = 60  # above the first worker's


def warm(client: Client) -> int:
    """Workers that have the upscaler in memory, as callers are told."""
    models = client.request("GET", "/v1/models").json()["models"]
    return int(next(model["warm"] for model in models if model["id"] == "upscaler"))


def engines(worker: int) -> list[int]:
    """Processes in which that worker's models lie: the children of the one process that gunicorn keeps."""
    (supervisor,) = _children(worker)
    return _children(supervisor)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def upscaler(stack: Stack, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A fourth worker, for the upscaler alone, in the environment that has torch: the one that these tests run in."""
    pytest.importorskip("diffusers", reason="the engine's packages are not installed")
    make = [sys.executable, "-c", "from tests import tiny; print(tiny.folder('upscale'))"]
    folder = subprocess.run(make, cwd=ROOT / "worker-py", check=True, capture_output=True, text=True).stdout.strip()
    catalogue = tmp_path / "models.yaml"
    catalogue.write_text(Path(stack.environment["MODELS_FILE"]).read_text().replace("tiny-upscaler", folder))
    port = int(stack.environment["PORT_OFFSET"]) + 8090 + PORT
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-k",
        "asgi",
        "-w",
        "1",
        "--no-control-socket",
        "-b",
        f"127.0.0.1:{port}",
    ]
    own = {
        "WORKER_NAME": "unit-upscaler",
        "WORKER_MODELS": "upscaler",
        "MODELS_FILE": str(catalogue),
        "WORKER_LOCK_DIR": str(tmp_path),
        "WORKER_CACHE_DIR": str(tmp_path),
        "WORKER_SPARE": "false",
        "WORKER_DEVICE": "cpu",
        "S3_ACCESS_KEY": "darkroom",
    }
    with (stack.folder / "logs" / "upscaler.log").open("wb") as log:
        worker = subprocess.Popen(
            [*command, "darkroom_worker.app:create_app()"],
            cwd=ROOT / "worker-py",
            env=stack.environment | own,
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: httpx.get(f"http://127.0.0.1:{port}/readyz").is_success, 120, "the upscaler is ready")
        yield worker
    finally:
        worker.terminate()
        worker.wait(30)


def test_a_finished_picture_comes_out_four_times_as_large_by_a_model_that_is_warm_while_it_is_in_memory(
    client: Client, upscaler: subprocess.Popen[bytes]
) -> None:
    source = client.accepted(prompt="a green glass bottle", n=2)
    client.succeeded(source)
    wanted = {"model": "upscaler", "prompt": "a green glass bottle", "image": {"job": source, "index": 1}, "seed": 3}
    first, again, other = (
        client.succeeded(client.accepted(**wanted | more), 60)
        for more in ({}, {}, {"image": {"job": source, "index": 0}})
    )
    assert (first["effective"]["width"], first["effective"]["image"]) == (256, {"job": source, "index": 1})
    pictures = [Image.open(io.BytesIO(client.picture(job["outputs"][0]))) for job in (first, again, other)]
    assert {picture.size for picture in pictures} == {(256, 256)}
    assert pictures[0].tobytes() == pictures[1].tobytes()
    assert pictures[0].tobytes() != pictures[2].tobytes()

    until(lambda: warm(client) == 1, 10, "it is told to be in memory")
    (engine,) = engines(upscaler.pid)
    os.kill(engine, signal.SIGKILL)
    until(lambda: warm(client) == 0, 10, "it is told to be in memory no more")
    until(lambda: warm(client) == 1, 120, "it is told to be back")
    assert engines(upscaler.pid) != [engine]
    upscaler.terminate()
    until(lambda: warm(client) == 0, 60, "the worker is gone, and its memory with it")
