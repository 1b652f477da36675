"""Prometheus from the distribution's package, where OBSERVABILITY asks for it: scrapes every part of this stack."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import gateway
import probe
import step
from process import Process
from settings import CHECKOUT, Settings, data_dir

SHIPPED = CHECKOUT / "deploy" / "prometheus"


def wanted(settings: Settings) -> bool:
    return settings["OBSERVABILITY"] == "true"


def processes(settings: Settings) -> list[Process]:
    if not wanted(settings):
        return []
    folder = _folder(settings)
    address = f"127.0.0.1:{settings['PROMETHEUS_PORT']}"
    return [
        Process(
            name="prometheus",
            command=f"/usr/bin/prometheus --config.file={folder / 'prometheus.yml'} --storage.tsdb.path={folder / 'data'}"
            f" --web.listen-address={address} --enable-feature=exemplar-storage --log.level=warn",
            directory=folder,
            probe=partial(probe.http, f"http://{address}/-/ready"),
            ports={"PROMETHEUS_PORT": int(settings["PROMETHEUS_PORT"])},
            version=step.digest(
                [*sorted(SHIPPED.glob("*.yml")), *sorted(SHIPPED.glob("rules/*.yml")), json.dumps(targets(settings))]
            ),
            priority=60,
        )
    ]


def targets(settings: Settings) -> dict[str, list[str]]:
    """Job -> host:port of everything that it scrapes."""
    workers = [f"127.0.0.1:{int(settings['WORKER_PORT']) + index}" for index in range(int(settings["WORKER_COUNT"]))]
    s3 = [f"127.0.0.1:{settings['S3_PORT']}"] if settings["S3_SERVER"] == "minio" else []
    return {
        "gateway": gateway.admin_addresses(settings),
        "worker": workers,
        "rabbitmq": [f"127.0.0.1:{settings['RABBITMQ_PROMETHEUS_PORT']}"],
        "s3": s3,
    }


def prepare(settings: Settings) -> None:
    """The configuration as it is shipped, beside the targets of this stack."""
    if not wanted(settings):
        return
    folder = _folder(settings)
    for name in ("data", "rules", "targets"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    shipped = (SHIPPED / "prometheus.yml").read_text().splitlines(keepends=True)
    (folder / "prometheus.yml").write_text("".join(line for line in shipped if "# compose: " not in line))
    for file in SHIPPED.glob("rules/*.yml"):
        shutil.copyfile(file, folder / file.relative_to(SHIPPED))
    for job, addresses in targets(settings).items():
        (folder / "targets" / f"{job}.yml").write_text(json.dumps([{"targets": addresses}]))  # YAML is a superset


def _folder(settings: Settings) -> Path:
    return data_dir(settings) / "prometheus"
