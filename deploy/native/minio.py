"""MinIO, the S3 server: one drive, one folder."""

from __future__ import annotations

from functools import partial

import credentials
import probe
from goprogram import MINIO
from process import Process
from settings import Settings, data_dir


def processes(settings: Settings) -> list[Process]:
    folder = data_dir(settings) / "s3"
    addresses = f"--address 127.0.0.1:{settings['S3_PORT']} --console-address 127.0.0.1:{settings['S3_CONSOLE_PORT']}"
    return [
        Process(
            name="minio",
            command=f"{MINIO.path(settings)} server --quiet {folder} {addresses}",
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
