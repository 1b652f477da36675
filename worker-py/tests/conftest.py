"""Real RabbitMQ, Redis and S3, from the same settings as the worker's; a model, a database and a bucket of the tests' own."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from darkroom_worker import settings
from tests.house import House

ROOT = Path(__file__).resolve().parents[2]
REDIS_DATABASE = 9
CAP = 4  # rows of a batch, of the models of `pair`
MODEL_MB = 100  # that each of the tests' models pretends to take
ONE_FITS = "150MiB"  # of memory for models


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The services, cleaned of what the tests left. Without them: skipped on a laptop, an error where CI is set."""
    config = settings.load()
    mark = secrets.token_hex(4)
    models = tmp_path_factory.mktemp("deploy") / "models.yaml"
    models.write_text(_catalogue(f"simulated-{mark}"))
    environ = {
        "RABBITMQ_URL": config.RABBITMQ_URL,
        "REDIS_URL": config.REDIS_URL.rsplit("/", 1)[0] + f"/{REDIS_DATABASE}",
        "S3_ENDPOINT": config.S3_ENDPOINT,
        "S3_ACCESS_KEY": config.S3_ACCESS_KEY,
        "S3_SECRET_KEY": config.S3_SECRET_KEY,
        "S3_BUCKET": f"worker-test-{mark}",
        "MODELS_FILE": str(models),
        "TEST_MODE": "true",
    }
    house = House(environ, f"simulated-{mark}")
    if trouble := house.trouble():
        if os.environ.get("CI"):
            pytest.fail(trouble)
        pytest.skip(trouble)
    yield house
    house.clear()


@pytest.fixture
def pair(house: House, tmp_path: Path) -> Iterator[tuple[House, House]]:
    """The same house with two other models, which draw up to CAP rows together."""
    entry = yaml.safe_load(Path(house.environ["MODELS_FILE"]).read_text())["models"][0]
    names = [f"{house.model}-a", f"{house.model}-b"]
    path = tmp_path / "models.yaml"
    entries = [{**entry, "id": name, "default": name == names[0], "batch_cap": CAP} for name in names]
    path.write_text(yaml.safe_dump({"models": entries}))
    first, second = (House({**house.environ, "MODELS_FILE": str(path)}, name) for name in names)
    channel = house.channel()
    for each in (first, second):
        each.declare(channel)
    yield first, second
    for each in (first, second):
        channel.queue_delete(each.queue)
    channel.connection.close()


@pytest.fixture(autouse=True)
def _empty(request: pytest.FixtureRequest) -> None:
    """Each test that uses the services begins with an empty ledger and an empty queue."""
    if "house" in request.fixturenames:
        request.getfixturevalue("house").empty()


def _catalogue(simulated: str) -> str:
    """The simulated entry of deploy/models.yaml under a name, and so with a queue, of our own; quick, and with short limits."""
    entries = yaml.safe_load((ROOT / "deploy" / "models.yaml").read_text())["models"]
    entry = next(entry for entry in entries if entry["task"] == "simulated")
    limits = {"load": 20, "warm_up": 20, "first_step": 3, "step": 3, "decode": 10}
    return yaml.safe_dump(
        {
            "models": [
                {
                    **entry,
                    "id": simulated,
                    "default": True,
                    "memory_mb": MODEL_MB,
                    "step_ms": 20,
                    "stall_seconds": limits,
                }
            ]
        }
    )
