"""The S3 server: MinIO, or versitygw to show that nothing but plain S3 is asked for. `S3_SERVER` says which."""

from __future__ import annotations

from functools import partial

import credentials
import probe
from goprogram import MINIO, VERSITYGW, GoProgram
from process import Process
from settings import Settings, data_dir

PROGRAMS = {"minio": MINIO, "versitygw": VERSITYGW}


def program(settings: Settings) -> GoProgram:
    return PROGRAMS[settings["S3_SERVER"]]


def processes(settings: Settings) -> list[Process]:
    return [_minio(settings) if settings["S3_SERVER"] == "minio" else _versitygw(settings)]


def _minio(settings: Settings) -> Process:
    """One drive, one folder."""
    addresses = f"--address 127.0.0.1:{settings['S3_PORT']} --console-address 127.0.0.1:{settings['S3_CONSOLE_PORT']}"
    return Process(
        name="s3",
        command=f"{MINIO.path(settings)} server --quiet {data_dir(settings) / 's3'} {addresses}",
        environment={
            # Its own home: otherwise it writes certificates and settings into the operator's.
            "HOME": str(data_dir(settings) / "s3-home"),
            "MINIO_ROOT_USER": settings["S3_ACCESS_KEY"],
            "MINIO_ROOT_PASSWORD": credentials.password(settings, "S3_SECRET_KEY"),
            "MINIO_UPDATE": "off",
            "MINIO_PROMETHEUS_AUTH_TYPE": "public",  # on loopback, sizes and counts alone
        },
        directory=data_dir(settings),
        probe=partial(probe.http, f"http://127.0.0.1:{settings['S3_PORT']}/minio/health/ready"),
        ports={key: int(settings[key]) for key in ("S3_PORT", "S3_CONSOLE_PORT")},
    )


def _versitygw(settings: Settings) -> Process:
    """Objects are files in a folder of its own; what S3 knows beyond the bytes lies beside it, as not every disk has extended attributes."""
    folder = data_dir(settings) / "s3-versitygw"
    address = f"--port 127.0.0.1:{settings['S3_PORT']} --health /health --keep-alive"
    return Process(
        name="s3",
        command=f"{VERSITYGW.path(settings)} --quiet {address} posix --sidecar {folder / 'about'} {folder / 'objects'}",
        environment={
            "ROOT_ACCESS_KEY": settings["S3_ACCESS_KEY"],
            "ROOT_SECRET_KEY": credentials.password(settings, "S3_SECRET_KEY"),
        },
        directory=data_dir(settings),
        probe=partial(probe.http, f"http://127.0.0.1:{settings['S3_PORT']}/health"),
        ports={"S3_PORT": int(settings["S3_PORT"])},
    )


def prepare(settings: Settings) -> None:
    for name in ("s3", "s3-home", "s3-versitygw/objects", "s3-versitygw/about"):
        (data_dir(settings) / name).mkdir(parents=True, exist_ok=True)
