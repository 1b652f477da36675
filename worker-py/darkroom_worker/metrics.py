"""What Prometheus is told: few labels, each from a short list. docs/metrics.md is made from this."""

from __future__ import annotations

import platform
from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram, Info, disable_created_metrics

from darkroom_worker import __version__

disable_created_metrics()  # type: ignore[no-untyped-call]

_SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900)

STAGES = ("queue", "load", "denoise", "decode", "encode", "upload", "work", "total")
OUTCOMES = ("ack", "delay", "requeue", "garbage", "laterversion", "tooold")
FAILURES = (
    "bad_output", "deadline", "engine_error", "out_of_memory", "poison", "refused", "storage_unavailable", "worker_lost",
)  # fmt: skip
RETRIED = ("engine_died", "engine_error", "out_of_memory", "storage_unavailable")
DEATHS = ("stalled", "killed", "crashed", "exited")
STALLED_IN = ("starting", "loading_model", "checking", "warming_up", "denoising", "decoding")

BUILD = Info("darkroom_worker_build", "Always 1; its labels say which release of the worker runs, on which Python.")
DELIVERIES = Counter("darkroom_worker_deliveries_total", "Messages received, by what became of them.", ["outcome"])
ATTEMPTS = Counter("darkroom_worker_attempts_total", "Claims that were granted.", ["model"])
TAKEOVERS = Counter(
    "darkroom_worker_takeovers_total", "Claims of jobs whose worker had let its lease run out.", ["model"]
)
VERDICTS = Counter(
    "darkroom_worker_verdicts_total", "Jobs ended here, code is empty on success.", ["model", "state", "code"]
)
RETRIES = Counter("darkroom_worker_retries_total", "Attempts given up, to be tried again, by reason code.", ["code"])
RELEASES = Counter("darkroom_worker_releases_total", "Jobs given back in a drain.")
IMAGES = Counter("darkroom_worker_images_total", "Images stored.", ["model"])
STAGE_SECONDS = Histogram(
    "darkroom_worker_stage_seconds",
    "Time of a succeeded job in each stage, as they follow one another; work is from claim to verdict, total from submit to verdict.",
    ["model", "stage"],
    buckets=_SECONDS,
)
ENGINE_STARTS = Counter("darkroom_worker_engine_starts_total", "Engine processes started.")
ENGINE_DEATHS = Counter(
    "darkroom_worker_engine_deaths_total",
    "Engine processes lost: stalled ones were killed by us, killed ones by somebody else (out of memory?), crashed ones by another signal.",
    ["how"],
)
STALLS = Counter(
    "darkroom_worker_engine_stalls_total", "Engines that made no progress for too long, by stage.", ["stage"]
)
MODEL_LOADS = Counter("darkroom_worker_model_loads_total", "Models loaded into memory.", ["model"])
LOAD_FAILURES = Counter("darkroom_worker_model_load_failures_total", "Models that could not be served.", ["model"])
LOAD_SECONDS = Histogram(
    "darkroom_worker_model_load_seconds", "Time to load, check and warm up a model.", ["model"], buckets=_SECONDS
)
EVICTIONS = Counter("darkroom_worker_model_evictions_total", "Models that left memory for another.", ["model"])
MODEL_BYTES = Gauge("darkroom_worker_model_bytes", "Memory that a loaded model takes; 0 when it is not.", ["model"])
MODEL_BARRED = Gauge("darkroom_worker_model_barred", "1 while this worker cannot serve a model.", ["model"])
READY = Gauge("darkroom_worker_ready", "1 while this worker takes work.")
HELD = Gauge("darkroom_worker_held_messages", "Messages received and not yet acknowledged.")
TASKS = Gauge("darkroom_worker_asyncio_tasks", "Tasks of the event loop.")
REBUILDS = Counter("darkroom_worker_consumer_rebuilds_total", "Consuming connections built anew.")
STORE_TROUBLE = Counter("darkroom_worker_store_errors_total", "Calls to S3 that failed and were tried again.")
LEDGER_TROUBLE = Counter("darkroom_worker_ledger_errors_total", "Calls to Redis that failed and were tried again.")
PREVIEWS = Counter("darkroom_worker_previews_total", "Previews drawn.")
PREVIEW_BYTES = Counter("darkroom_worker_preview_bytes_total", "Bytes of all previews.")
PREVIEW_SECONDS = Counter("darkroom_worker_preview_seconds_total", "Time that drawing previews took from the jobs.")


def begin(models: Iterable[str]) -> None:
    """Shows the zeros: a rate has no value before its series has one."""
    BUILD.info({"version": __version__, "python": platform.python_version()})
    for model in models:
        for counter in (ATTEMPTS, TAKEOVERS, IMAGES, MODEL_LOADS, LOAD_FAILURES, EVICTIONS):
            counter.labels(model)
        MODEL_BYTES.labels(model)
        MODEL_BARRED.labels(model)
        LOAD_SECONDS.labels(model)
        VERDICTS.labels(model, "succeeded", "")
        for code in FAILURES:
            VERDICTS.labels(model, "failed", code)
        for stage in STAGES:
            STAGE_SECONDS.labels(model, stage)
    for family, values in (
        (DELIVERIES, OUTCOMES), (RETRIES, RETRIED), (ENGINE_DEATHS, DEATHS), (STALLS, STALLED_IN),
    ):  # fmt: skip
        for value in values:
            family.labels(value)
