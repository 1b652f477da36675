# The worker: supervisor and engine of one GPU (or of the CPU). Built from the repository's root.
FROM python:3.11-slim-bookworm AS build
COPY deploy/native/requirements.lock /tmp/tools.lock
RUN pip install --no-cache-dir --require-hashes -r /tmp/tools.lock
COPY worker-py/requirements*.in worker-py/requirements*.lock /src/
# cpu: the small torch, where its index can be reached. Its builds have other hashes than those of the locks.
ARG TORCH_BACKEND=
ENV VIRTUAL_ENV=/opt/darkroom
RUN cd /src && uv venv /opt/darkroom && \
    if [ -z "$TORCH_BACKEND" ]; then \
        uv pip sync --no-cache --require-hashes requirements.lock requirements-engine.lock; \
    else \
        uv pip install --no-cache --no-verify-hashes --torch-backend "$TORCH_BACKEND" \
            -r requirements.in -c requirements.lock -r requirements-engine.in -c requirements-engine.lock; \
    fi

FROM python:3.11-slim-bookworm
RUN useradd --create-home --uid 10001 darkroom && install -d -o darkroom /cache
COPY --from=build /opt/darkroom /opt/darkroom
COPY contract /srv/contract
COPY models /srv/models
COPY deploy/models.yaml /srv/deploy/models.yaml
COPY worker-py/darkroom_worker /srv/worker-py/darkroom_worker
WORKDIR /srv/worker-py
USER darkroom
ENV PATH=/opt/darkroom/bin:$PATH PYTHONUNBUFFERED=1 WORKER_GPU=0 CONTRACT_DIR=/srv/contract MODELS_FILE=/srv/deploy/models.yaml WORKER_CACHE_DIR=/cache
EXPOSE 8090
# gunicorn drains on SIGTERM alone; --graceful-timeout is WORKER_DRAIN_GRACE and ten seconds.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=120s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8090/readyz', timeout=2)"]
CMD ["gunicorn", "-k", "asgi", "-w", "1", "--no-control-socket", "--graceful-timeout", "40", "-b", "0.0.0.0:8090", "darkroom_worker.app:create_app()"]
