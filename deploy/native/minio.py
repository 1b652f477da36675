"""MinIO, the S3 server: built once from its last public Go module version, kept outside the checkout."""

from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path

import credentials
import probe
import step
from process import Process
from settings import Settings, cache_dir, data_dir

MODULE = "github.com/minio/minio"
VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"


def binary(settings: Settings) -> Path:
    return cache_dir(settings) / "minio" / VERSION / "minio"


def install(settings: Settings) -> None:
    """Builds the server unless this version is there already: about three minutes on two cores."""
    target = binary(settings)
    if target.exists():
        step.skipped(f"MinIO is built ({target})")
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as draft:
        step.run(
            f"building MinIO from {MODULE} (a few minutes, once)",
            ["go", "install", f"{MODULE}@{VERSION}"],
            environment={**os.environ, "GOBIN": draft, "GOFLAGS": ""},
        )
        (Path(draft) / "minio").rename(target)


def processes(settings: Settings) -> list[Process]:
    folder = data_dir(settings) / "s3"
    return [
        Process(
            name="minio",
            command=f"{binary(settings)} server --quiet {folder}"
            f" --address 127.0.0.1:{settings['S3_PORT']} --console-address 127.0.0.1:{settings['S3_CONSOLE_PORT']}",
            environment={
                # Its own home: otherwise it writes certificates and settings into the operator's.
                "HOME": str(data_dir(settings) / "s3-home"),
                "MINIO_ROOT_USER": settings["S3_ACCESS_KEY"],
                "MINIO_ROOT_PASSWORD": credentials.password(settings, "S3_SECRET_KEY"),
                "MINIO_UPDATE": "off",
            },
            directory=data_dir(settings),
            probe=partial(probe.http, f"http://127.0.0.1:{settings['S3_PORT']}/minio/health/ready"),
            ports={key: int(settings[key]) for key in ("S3_PORT", "S3_CONSOLE_PORT")},
        )
    ]


def prepare(settings: Settings) -> None:
    for name in ("s3", "s3-home"):
        (data_dir(settings) / name).mkdir(parents=True, exist_ok=True)
