"""What the GPU of this worker does, asked of NVML at each scrape. Without an NVIDIA GPU, or without nvidia-ml-py, there is nothing to tell."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

# Name, help, and how NVML is asked. Utilisation is of NVML's last sample period, between 1/6 s and 1 s.
FAMILIES: tuple[tuple[str, str, Callable[[Any, Any], float]], ...] = (
    (
        "darkroom_worker_gpu_utilization_ratio",
        "Share of the last moments in which the GPU computed, 0 to 1.",
        lambda nvml, gpu: float(nvml.nvmlDeviceGetUtilizationRates(gpu).gpu) / 100,
    ),
    (
        "darkroom_worker_gpu_memory_used_bytes",
        "Memory of the GPU that is taken, by whomever.",
        lambda nvml, gpu: float(nvml.nvmlDeviceGetMemoryInfo(gpu).used),
    ),
    (
        "darkroom_worker_gpu_memory_total_bytes",
        "Memory of the GPU.",
        lambda nvml, gpu: float(nvml.nvmlDeviceGetMemoryInfo(gpu).total),
    ),
    (
        "darkroom_worker_gpu_temperature_celsius",
        "Temperature of the GPU.",
        lambda nvml, gpu: float(nvml.nvmlDeviceGetTemperature(gpu, nvml.NVML_TEMPERATURE_GPU)),
    ),
    (
        "darkroom_worker_gpu_power_watts",
        "Power that the GPU draws.",
        lambda nvml, gpu: float(nvml.nvmlDeviceGetPowerUsage(gpu)) / 1000,
    ),
)


class Gpu(Collector):
    """One GPU by its number as NVML counts, in the order of the PCI bus. What a GPU does not know is left out."""

    def __init__(self, nvml: Any, number: int) -> None:
        """Raises nvml.NVMLError where there is no such GPU."""
        self._nvml = nvml
        self._handle = nvml.nvmlDeviceGetHandleByIndex(number)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for name, text, ask in FAMILIES:
            with contextlib.suppress(self._nvml.NVMLError):
                yield GaugeMetricFamily(name, text, ask(self._nvml, self._handle))


def find(number: int) -> Gpu | None:
    """The GPU of this number; None where there is none, or nothing to ask it with."""
    try:
        import pynvml  # noqa: PLC0415 - comes with the engine's packages alone
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        return Gpu(pynvml, number)
    except pynvml.NVMLError:
        return None
