"""What NVML says becomes gauges; a machine without a GPU has none."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from darkroom_worker import gpu


class NVMLError(Exception):
    pass


def _no_power(_: object) -> int:
    raise NVMLError


def test_each_number_of_nvml_is_told_in_plain_units_and_what_a_gpu_does_not_know_is_left_out() -> None:
    nvml = SimpleNamespace(
        NVMLError=NVMLError, NVML_TEMPERATURE_GPU=0,
        nvmlDeviceGetHandleByIndex=lambda number: number,
        nvmlDeviceGetUtilizationRates=lambda _: SimpleNamespace(gpu=73),
        nvmlDeviceGetMemoryInfo=lambda _: SimpleNamespace(used=5 << 30, total=80 << 30),
        nvmlDeviceGetTemperature=lambda _, __: 61,
        nvmlDeviceGetPowerUsage=_no_power,
    )  # fmt: skip
    registry = CollectorRegistry()
    registry.register(gpu.Gpu(nvml, 0))
    told = dict(
        line.rsplit(" ", 1) for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")
    )
    assert {name: float(value) for name, value in told.items()} == {
        "darkroom_worker_gpu_utilization_ratio": 0.73,
        "darkroom_worker_gpu_memory_used_bytes": 5 << 30,
        "darkroom_worker_gpu_memory_total_bytes": 80 << 30,
        "darkroom_worker_gpu_temperature_celsius": 61,
    }


def test_a_number_that_no_gpu_has_tells_nothing() -> None:
    pytest.importorskip("pynvml")
    assert gpu.find(999) is None
