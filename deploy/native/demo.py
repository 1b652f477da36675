"""`make demo`: from nothing to a picture, by the API that everybody has. Argument: the runner, native or compose."""

from __future__ import annotations

import hashlib
import http.cookiejar
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import settings as configuration
import stack
import step
from gateway import url
from ready import NotReady, tail
from settings import CHECKOUT, BadSetting, Settings, data_dir

ORDER = {"product": "a green glass bottle", "seed": 7}

# Seconds until the picture must be there.
LIMIT = 180.0


class Refused(Exception):
    """The gateway answered with a problem, or the job did not succeed; the text says why."""


class Gateway:
    """The few routes that a client needs; keeps the cookie by which the gateway knows whose jobs these are."""

    def __init__(self, settings: Settings) -> None:
        self.address = url(settings)
        self._open: Callable[..., Any] = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        ).open

    def submit(self, order: dict[str, Any]) -> dict[str, Any]:
        return self._json("/v1/jobs", json.dumps(order).encode())[0]

    def wait(self, job: dict[str, Any], said: Callable[[str], None]) -> dict[str, Any]:
        """Polls as often as the gateway asks for until the job has ended."""
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            job, retry_after = self._json(job["urls"]["self"])
            if retry_after is None:
                return job
            progress = job["progress"] or {}
            said(
                job["waiting_for"]
                or f"{job['stage'] or job['status']} {progress.get('step') or 0}/{progress.get('steps') or '?'}"
            )
            time.sleep(retry_after)
        raise Refused(f"no picture after {LIMIT:.0f} s: job {job['id']} is {job['status']}")

    def image(self, output: dict[str, Any]) -> bytes:
        with self._open(self._url(output["url"]), timeout=30) as answer:
            body: bytes = answer.read()
        if hashlib.sha256(body).hexdigest() != output["sha256"]:
            raise Refused("the picture's bytes do not match the hash in the job")
        return body

    def _json(self, path: str, body: bytes | None = None) -> tuple[dict[str, Any], float | None]:
        """The answer, and the seconds after which to ask again (none when the job has ended)."""
        request = urllib.request.Request(self._url(path), data=body, headers={"Content-Type": "application/json"})
        try:
            with self._open(request, timeout=30) as answer:
                retry_after = answer.headers.get("Retry-After")
                return json.load(answer), float(retry_after) if retry_after else None
        except urllib.error.HTTPError as error:
            raise Refused(f"{path}: {error.code} {error.read().decode(errors='replace')}") from error

    def _url(self, path: str) -> str:
        return path if path.startswith("http") else self.address + path


def run(settings: Settings, runner: str) -> None:
    began = time.monotonic()
    if runner == "native":
        print("setting up and starting Darkroom (runner: native)")
        stack.up(settings, (), wait=True)
    else:
        subprocess.run(["make", "up", f"RUNNER={runner}"], cwd=CHECKOUT, check=True)
    ready = time.monotonic()

    gateway = Gateway(settings)
    print(f"ordering a picture of {ORDER['product']}")
    job = gateway.submit(ORDER)
    submitted = time.monotonic()
    job = gateway.wait(job, lambda text: print(f"      {time.monotonic() - submitted:4.1f} s  {text}", flush=True))
    if job["status"] != "succeeded":
        raise Refused(f"job {job['id']} is {job['status']}: {(job['error'] or {}).get('message', 'no reason given')}")
    ended = time.monotonic()

    path = data_dir(settings) / "demo" / f"{job['id']}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gateway.image(job["outputs"][0]))
    fetched = time.monotonic()

    stages = {"set up and start": ready - began, "submit": submitted - ready}
    names = {
        "queue_ms": "  in the queue",
        "load_ms": "  load",
        "denoise_ms": "  denoise",
        "decode_ms": "  decode",
        "upload_ms": "  upload",
    }
    stages |= {"wait by polling": ended - submitted}
    stages |= {name: job["metrics"][key] / 1000 for key, name in names.items() if job["metrics"].get(key) is not None}
    stages |= {"fetch": fetched - ended, "in all": fetched - began}
    _tell(job, path, gateway.address, stages)


def _last_words(settings: Settings) -> str:
    """The end of what gateway and worker logged, where the native runner keeps it."""
    logs = [data_dir(settings) / "logs" / f"{name}.log" for name in ("gateway-0", "worker-0")]
    return "\n".join(f"--- end of {log}\n{tail(log, 10)}" for log in logs if log.exists())


def _tell(job: dict[str, Any], path: Path, address: str, stages: dict[str, float]) -> None:
    made = job["outputs"][0]
    print(
        f"\n{job['model']} on {job['worker']}: {made['width']}x{made['height']}, seed {made['seed']}, {made['size_bytes']} bytes, hash checked\n"
    )
    for name, seconds in stages.items():
        print(f"  {name:<18}{seconds:8.2f} s")
    print(f"\n  picture  {path}\n  page     {address}/\n  stop     make down")


def main(arguments: Sequence[str]) -> int:
    try:
        run(configuration.load(), arguments[0] if arguments else "native")
    except (BadSetting, step.StepFailed, NotReady) as error:
        return step.fail(str(error))
    except (Refused, urllib.error.URLError, subprocess.CalledProcessError) as error:
        return step.fail(f"the demo did not end with a picture: {error}\n{_last_words(configuration.load())}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
