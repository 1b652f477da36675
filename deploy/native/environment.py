"""The environment that the gateway and the worker are started with."""

from __future__ import annotations

import credentials
from settings import HANDED_ON, Settings


def shared(settings: Settings) -> dict[str, str]:
    """The keys of the treaty that both halves read, and whatever else the operator set for them."""
    redis_credential = f":{settings['REDIS_PASSWORD']}@" if settings["REDIS_PASSWORD"] else ""
    rabbitmq_password = credentials.password(settings, "RABBITMQ_PASSWORD")
    addresses = {
        "RABBITMQ_URL": f"amqp://{settings['RABBITMQ_USER']}:{rabbitmq_password}@127.0.0.1:{settings['RABBITMQ_PORT']}",
        "REDIS_URL": f"redis://{redis_credential}127.0.0.1:{settings['REDIS_PORT']}/0",
        "S3_ENDPOINT": f"127.0.0.1:{settings['S3_PORT']}",
        "S3_SECURE": "false",
        "S3_ACCESS_KEY": settings["S3_ACCESS_KEY"],
        "S3_SECRET_KEY": credentials.password(settings, "S3_SECRET_KEY"),
        "S3_BUCKET": settings["S3_BUCKET"],
        "MODELS_FILE": settings["MODELS_FILE"],
        "CONTRACT_DIR": settings["CONTRACT_DIR"],
    }
    given = {key: value for key, value in settings.items() if HANDED_ON.match(key) and value}
    return {
        **given,
        **addresses,
        **{key: given[key] for key in ("RABBITMQ_URL", "REDIS_URL", "S3_ENDPOINT", "S3_SECURE") if key in given},
    }
