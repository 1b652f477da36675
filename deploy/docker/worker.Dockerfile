# The worker: supervisor and engine of one GPU (or of the CPU). Built from the repository's root.
FROM python:3.11-slim-bookworm AS build
COPY deploy/native/requirements.lock /src/tools.lock
RUN pip install --no-cache-dir --require-hashes -r /src/tools.lock
COPY worker-py/requirements*.in worker-py/requirements*.lock /src/
WORKDIR /src
# Empty: the torch of the public index, a CUDA build that runs on CPUs too (5 GB). cpu: the small one, where its index can be reached;
# its builds have other hashes than those of the locks.
ARG TORCH_BACKEND=
ENV VIRTUAL_ENV=/opt/darkroom
RUN uv venv /opt/darkroom && \
    if [ -z "$TORCH_BACKEND" ]; then \
        uv pip sync --no-cache --require-hashes requirements.lock requirements-engine.lock requirements-cli.lock; \
    else \
        uv pip install --no-cache --no-verify-hashes --torch-backend "$TORCH_BACKEND" \
            -r requirements.in -c requirements.lock -r requirements-engine.in -c requirements-engine.lock \
            -r requirements-cli.in -c requirements-cli.lock; \
    fi

FROM python:3.11-slim-bookworm
RUN useradd --create-home --uid 10001 darkroom && install -d -o darkroom /cache
COPY --from=build /opt/darkroom /opt/darkroom
COPY contract /srv/contract
COPY models /srv/models
COPY deploy/models.yaml /srv/deploy/models.yaml
COPY worker-py/darkroom_worker /srv/worker-py/darkroom_worker
COPY worker-py/darkroom_cli /srv/worker-py/darkroom_cli
WORKDIR /srv/worker-py
USER 10001:10001
ENV PATH=/opt/darkroom/bin:$PATH PYTHONUNBUFFERED=1 WORKER_GPU=0 CONTRACT_DIR=/srv/contract MODELS_FILE=/srv/deploy/models.yaml WORKER_CACHE_DIR=/cache
EXPOSE 8090
# gunicorn drains on SIGTERM alone.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=120s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8090/readyz', timeout=2)"]
CMD ["gunicorn", "-c", "python:darkroom_worker.serving", "-b", "0.0.0.0:8090"]
