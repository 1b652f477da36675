"""What Prometheus is told: few labels, each from a short list."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]

_SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900)

DELIVERIES = Counter("darkroom_worker_deliveries_total", "Messages received, by what became of them.", ["outcome"])
ATTEMPTS = Counter("darkroom_worker_attempts_total", "Claims that were granted.", ["model"])
VERDICTS = Counter(
    "darkroom_worker_verdicts_total", "Jobs ended here, code is empty on success.", ["model", "state", "code"]
)
RETRIES = Counter("darkroom_worker_retries_total", "Attempts given up, to be tried again, by reason code.", ["code"])
RELEASES = Counter("darkroom_worker_releases_total", "Jobs given back in a drain.")
IMAGES = Counter("darkroom_worker_images_total", "Images stored.", ["model"])
STAGE_SECONDS = Histogram(
    "darkroom_worker_stage_seconds", "Time of a succeeded job in each stage.", ["model", "stage"], buckets=_SECONDS
)
ENGINE_DEATHS = Counter(
    "darkroom_worker_engine_deaths_total", "Engine processes lost, stalled ones were killed.", ["how"]
)
MODEL_LOADS = Counter("darkroom_worker_model_loads_total", "Models loaded into memory.", ["model"])
LOAD_FAILURES = Counter("darkroom_worker_model_load_failures_total", "Models that could not be served.", ["model"])
LOAD_SECONDS = Histogram(
    "darkroom_worker_model_load_seconds", "Time to load, check and warm up a model.", ["model"], buckets=_SECONDS
)
EVICTIONS = Counter("darkroom_worker_model_evictions_total", "Models that left memory for another.", ["model"])
MODEL_BYTES = Gauge("darkroom_worker_model_bytes", "Memory that a loaded model takes; 0 when it is not.", ["model"])
READY = Gauge("darkroom_worker_ready", "1 while this worker takes work.")
HELD = Gauge("darkroom_worker_held_messages", "Messages received and not yet acknowledged.")
REBUILDS = Counter("darkroom_worker_consumer_rebuilds_total", "Consuming connections built anew.")
STORE_TROUBLE = Counter("darkroom_worker_store_errors_total", "Calls to S3 that failed and were tried again.")
LEDGER_TROUBLE = Counter("darkroom_worker_ledger_errors_total", "Calls to Redis that failed and were tried again.")
