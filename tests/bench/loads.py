"""How often models are loaded when jobs of two of them take turns."""

from __future__ import annotations

import json
import tempfile

import httpx
import yaml

from bench.customer import Customer
from bench.stack import ROOT, private_stack

JOBS = 100


def per_hundred_jobs(fit: bool) -> int:
    """Loads of one worker from its start on, in whose memory two simulated models fit, or one."""
    catalogue = yaml.safe_load((ROOT / "deploy/models.yaml").read_text())
    one = next(entry for entry in catalogue["models"] if entry["id"] == "simulated") | {"memory_mb": 600}
    models = [one | {"id": "simulated", "default": True}, one | {"id": "second"}]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump({"models": models}, file)
        file.flush()
        settings = {
            "WORKER_ENGINE": "simulated",
            "WORKER_MODELS": ",".join(entry["id"] for entry in models),  # the native runner names one
            "MODELS_FILE": file.name,
            "WORKER_MEMORY": "2GiB" if fit else "1GiB",
        }
        with private_stack(**settings) as stack:
            customer = Customer(stack.settings["GATEWAY_ADDR"])
            quick = {"prompt": "a red mug", "steps": 4, "metadata": {"step_ms": "10"}}
            customer.wait([customer.submit(model=models[number % 2]["id"], **quick) for number in range(JOBS)])
            return _loads(f"http://127.0.0.1:{stack.settings['WORKER_PORT']}/metrics")


def _loads(url: str) -> int:
    lines = httpx.get(url).text.splitlines()
    return sum(
        round(float(line.split()[-1])) for line in lines if line.startswith("darkroom_worker_model_loads_total{")
    )
