"""The map of the worker, and its small HTTP side: /healthz, /readyz, /metrics. gunicorn runs create_app()."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder

from darkroom_worker import catalog, failpoint, gpu, logs, metrics, settings, trust
from darkroom_worker.broker import Broker
from darkroom_worker.cancellation import cancel
from darkroom_worker.clock import Clock
from darkroom_worker.consumer import Consumer
from darkroom_worker.dependencies import Dependencies
from darkroom_worker.heartbeat import Heartbeat
from darkroom_worker.intake import Intake
from darkroom_worker.ledger import Ledger, LedgerAway
from darkroom_worker.pool import Pool
from darkroom_worker.publisher import Publisher
from darkroom_worker.settings import Settings
from darkroom_worker.status import Status
from darkroom_worker.store import Store
from darkroom_worker.topology import Topology
from darkroom_worker.tracing import Tracer
from darkroom_worker.workshop import Workshop

BOOT_ERROR = 3  # gunicorn's word for: starting me again would not help

log = structlog.get_logger()


class Worker:
    """One consumer and all it is made of."""

    def __init__(self, config: Settings) -> None:
        models = catalog.load(config.MODELS_FILE, config.WORKER_MODELS, config.TEST_MODE, config.CONTRACT_DIR)
        names = tuple(models)
        self.config = config
        trusted = trust.context(config.TLS_CA_FILE)
        broker = Broker(config.RABBITMQ_URL, trusted)
        self.ledger = Ledger(config.REDIS_URL, config.TLS_CA_FILE, config.CONTRACT_DIR)
        store = Store(
            config.S3_ENDPOINT,
            config.S3_ACCESS_KEY,
            config.S3_SECRET_KEY,
            trusted if config.S3_SECURE else None,
            config.S3_BUCKET,
        )
        topology = Topology(config.CONTRACT_DIR)
        self.pool = Pool(models, config)
        self.status = Status(config.name, names, config.WORKER_GPU, self.pool)
        patience, limit = settings.job_limit(config)
        self.tracer = Tracer(config.OTEL_EXPORTER_OTLP_ENDPOINT, config.name)
        workshop = Workshop(config.name, self.ledger, store, self.pool, config.RETENTION, patience, limit, self.tracer)
        self.publisher = Publisher(broker, config.name, topology, names)
        clock = Clock()
        intake = Intake(workshop, topology, self.publisher, clock)
        self.consumer = Consumer(broker, workshop, models, topology, self.status, intake)
        self.heartbeat = Heartbeat(config.name, self.ledger, self.status, clock)
        self.dependencies = Dependencies(self.ledger, store, self.status)
        self._tasks: list[asyncio.Task[None]] = []
        metrics.begin(names)
        if found := gpu.find(config.WORKER_GPU):
            REGISTRY.register(found)

    def start(self) -> None:
        """Begins to work; one part that ends, ends the process."""
        loop = asyncio.get_running_loop()
        metrics.TASKS.set_function(lambda: len(asyncio.all_tasks(loop)))
        for part in (self.pool, self.heartbeat, self.dependencies, self.consumer):
            task = asyncio.create_task(part.run(), name=type(part).__name__.lower())
            task.add_done_callback(_end_process)
            self._tasks.append(task)

    async def stop(self) -> None:
        """Drains, then leaves nothing behind."""
        await self.consumer.drain(self.config.WORKER_DRAIN_GRACE)
        for task in self._tasks:
            task.remove_done_callback(_end_process)
            await cancel(task)
        await self.consumer.close()
        await self.publisher.close()
        with contextlib.suppress(LedgerAway):
            await self.ledger.forget(self.config.name)
        await self.ledger.close()
        await asyncio.to_thread(self.tracer.stop)


def create_app() -> FastAPI:
    """The ASGI application; a bad setting ends the process with one line."""
    try:
        config = settings.load()
        logs.configure(config.LOG_LEVEL, config.name)
        if config.TEST_MODE:
            failpoint.arm(os.environ.get("WORKER_FAIL_AT"))
        worker = Worker(config)
    except (settings.BadSetting, catalog.BadCatalogue) as error:
        print(f"darkroom-worker: {error}", file=sys.stderr, flush=True)
        sys.exit(BOOT_ERROR)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        worker.start()
        # gunicorn would close its listeners first and give a lifespan 30 s at most. This way health and metrics
        # stay visible through the drain, for as long as it may take.
        drain = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, drain.set)
        leaving = asyncio.create_task(_leave(worker, drain))
        yield
        drain.set()
        await leaving

    app = FastAPI(title="Darkroom worker", lifespan=lifespan, openapi_url=None)

    @app.get("/healthz")
    async def healthz() -> Response:
        """The process is up."""
        return JSONResponse({"status": "ok"})

    @app.get("/readyz")
    async def readyz() -> Response:
        """Whether this worker takes work, and if not, why."""
        reasons = worker.status.unready
        report = {"ready": not reasons, "reasons": reasons, "barred": worker.status.barred}
        return JSONResponse(report, status_code=503 if reasons else 200)

    @app.get("/metrics")
    async def prometheus(request: Request) -> Response:
        """Examples (the traces of some values) are told to those who ask for OpenMetrics."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(await asyncio.to_thread(encode, REGISTRY), media_type=content_type)

    return app


async def _leave(worker: Worker, drain: asyncio.Event) -> None:
    await drain.wait()
    try:
        await worker.stop()
        log.info("gone")
    except Exception:  # whatever it is, it must not keep a drained worker from leaving
        log.exception("the drain broke")
    os.kill(os.getpid(), signal.SIGQUIT)  # gunicorn's word for: leave at once


def _end_process(part: asyncio.Task[None]) -> None:
    """A worker without its consumer would look healthy and do nothing: end it, and gunicorn starts another."""
    log.critical(
        "the worker cannot go on", part=part.get_name(), exc_info=None if part.cancelled() else part.exception()
    )
    os._exit(1)
