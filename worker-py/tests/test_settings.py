"""Settings and catalogue: what an operator can get wrong is told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkroom_worker import settings, trust

ROOT = Path(__file__).resolve().parents[2]


def test_the_defaults_work_on_loopback() -> None:
    config = settings.load({})
    assert "127.0.0.1" in config.RABBITMQ_URL + config.REDIS_URL + config.S3_ENDPOINT
    assert config.name.endswith("-0")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("RABBITMQ_URL", "http://x"),
        ("REDIS_URL", "localhost"),
        ("REDIS_URL", "unix:///run/redis.sock"),
        ("S3_ENDPOINT", "http://127.0.0.1:9010"),
        ("S3_ENDPOINT", "127.0.0.1"),
        ("S3_BUCKET", "Not A Bucket"),
        ("RETENTION", "0"),
        ("RETENTION", "315360001"),
        ("WORKER_GPU", "-1"),
        ("WORKER_NAME", "a b"),
        ("WORKER_DEVICE", "tpu"),
        ("WORKER_DRAIN_GRACE", "soon"),
        ("TEST_MODE", "perhaps"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_key(key: str, value: str) -> None:
    with pytest.raises(settings.BadSetting) as caught:
        settings.load({key: value})
    assert str(caught.value).startswith(f"{key}=")
    assert "\n" not in str(caught.value)


def test_a_secret_comes_from_a_file_and_is_never_repeated(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("amqp://someone:hunter2@broker/\n")
    assert settings.load({"RABBITMQ_URL_FILE": str(tmp_path / "url")}).RABBITMQ_URL == "amqp://someone:hunter2@broker/"
    (tmp_path / "url").write_text("hunter2")
    with pytest.raises(settings.BadSetting) as caught:
        settings.load({"RABBITMQ_URL_FILE": str(tmp_path / "url")})
    assert "hunter2" not in str(caught.value)
    with pytest.raises(settings.BadSetting, match="S3_SECRET_KEY_FILE=/nowhere: cannot be read"):
        settings.load({"S3_SECRET_KEY_FILE": "/nowhere"})


def test_a_file_of_authorities_that_holds_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    for path in (tmp_path / "ca.pem", tmp_path / "none.pem"):
        with pytest.raises(settings.BadSetting, match=f"^TLS_CA_FILE={path}: must be a file with PEM certificates"):
            trust.context(str(path))


def test_lists_and_seconds_are_read_as_people_write_them() -> None:
    config = settings.load({"WORKER_MODELS": "a, b c", "WORKER_DRAIN_GRACE": "12s", "RABBITMQ_URL": ""})
    assert config.WORKER_MODELS == ("a", "b", "c")
    assert config.WORKER_DRAIN_GRACE == 12


@pytest.mark.parametrize("level", ["debug", "info", "warn", "warning", "error"])
def test_a_level_is_spelled_as_either_language_does(level: str) -> None:
    config = settings.load({"LOG_LEVEL": level})
    assert level == config.LOG_LEVEL


def test_a_message_waits_and_is_worked_at_within_what_the_broker_allows() -> None:
    patience, limit = settings.job_limit(settings.load({"RABBITMQ_CONSUMER_TIMEOUT": "600000"}))
    assert (patience, limit) == (270, 270)
    given = {"RABBITMQ_CONSUMER_TIMEOUT": "600000", "WORKER_JOB_LIMIT": "60s"}
    assert settings.job_limit(settings.load(given)) == (480, 60)
    with pytest.raises(settings.BadSetting, match="WORKER_JOB_LIMIT=300: must be 270 s at most"):
        settings.job_limit(settings.load({**given, "WORKER_JOB_LIMIT": "300"}))
