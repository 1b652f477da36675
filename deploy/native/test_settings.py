import re
from pathlib import Path

import pytest

import environment
import gateway
import redis_server
import s3_server
import settings
import worker


def load(tmp_path: Path, **given: str) -> settings.Settings:
    return settings.load({"ENV_FILE": str(tmp_path / ".env"), "DATA_DIR": str(tmp_path / "data"), **given})


def test_the_environment_goes_before_the_file_and_the_file_before_the_defaults(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('# mine\n\nREDIS_PORT=7001\nS3_BUCKET="pictures"\nS3_PORT=\n')

    loaded = load(tmp_path, REDIS_PORT="7002")

    assert loaded["REDIS_PORT"] == "7002"
    assert loaded["S3_BUCKET"] == "pictures"
    assert loaded["S3_PORT"] == "9010"


def test_the_offset_shifts_every_port_that_is_not_given(tmp_path: Path) -> None:
    loaded = load(tmp_path, PORT_OFFSET="100", S3_PORT="9999")

    shifted = {key: int(loaded[key]) - port for key, port in settings.PORTS.items()}
    assert shifted == {**dict.fromkeys(settings.PORTS, 100), "S3_PORT": 9999 - 9010}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("REDIS_PORT", "none"),
        ("REDIS_PORT", "0"),
        ("S3_PORT", "70000"),
        ("PORT_OFFSET", "-1"),
        ("WORKER_COUNT", "1.5"),
        ("WORKER_ENGINE", "steam"),
        ("S3_SERVER", "ftp"),
        ("REDIS_SERVER", "/no/such/redis"),
        ("RABBITMQ_CONSUMER_TIMEOUT", "30"),
    ],
)
def test_a_bad_value_is_one_line_with_key_value_and_what_is_allowed(tmp_path: Path, key: str, value: str) -> None:
    with pytest.raises(settings.BadSetting, match=rf"^{key}={value}: must be .+$"):
        load(tmp_path, **{key: value})


def test_a_line_of_the_file_that_is_no_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("REDIS_PORT=7001\nexport S3_PORT=1\n")

    with pytest.raises(settings.BadSetting, match=r"\.env:2: "):
        load(tmp_path)


def test_gateway_and_worker_get_the_addresses_of_this_stack_and_whatever_else_was_set_for_them(tmp_path: Path) -> None:
    given = environment.shared(
        load(tmp_path, PORT_OFFSET="100", LOG_LEVEL="debug", GATEWAY_OWNER_LIMIT="7", EDITOR="ed")
    )

    assert given["REDIS_URL"] == "redis://127.0.0.1:6489/0"
    assert given["S3_ENDPOINT"] == "127.0.0.1:9110"
    assert given["RABBITMQ_URL"].endswith("@127.0.0.1:5782")
    assert (given["LOG_LEVEL"], given["GATEWAY_OWNER_LIMIT"]) == ("debug", "7")
    assert "EDITOR" not in given


def test_an_address_that_is_given_is_handed_on_as_it_is(tmp_path: Path) -> None:
    given = environment.shared(load(tmp_path, REDIS_URL="redis://elsewhere:1/2"))

    assert given["REDIS_URL"] == "redis://elsewhere:1/2"


def test_an_address_of_the_gateway_is_taken_as_it_is_and_the_second_gateway_stands_beside_it(tmp_path: Path) -> None:
    loaded = load(tmp_path, GATEWAY_ADDR="0.0.0.0:80")

    assert gateway.environment_of(loaded, 0)["GATEWAY_ADDR"] == "0.0.0.0:80"
    assert gateway.environment_of(loaded, 1)["GATEWAY_ADDR"] == "0.0.0.0:82"
    assert gateway.environment_of(loaded, 1)["GATEWAY_ADMIN_ADDR"] == "127.0.0.1:8083"
    assert gateway.url(loaded) == "http://127.0.0.1:80"


def test_an_address_without_a_port_is_refused(tmp_path: Path) -> None:
    with pytest.raises(settings.BadSetting, match=r"^GATEWAY_ADDR=everywhere: must be host:port$"):
        gateway.processes(load(tmp_path, GATEWAY_ADDR="everywhere"))


def test_each_worker_has_a_gpu_a_name_and_a_port_of_its_own(tmp_path: Path) -> None:
    loaded = load(tmp_path, WORKER_GPU="2", WORKER_NAME="attic")

    second = worker.environment_of(loaded, 1)

    assert (second["WORKER_GPU"], second["WORKER_NAME"], second["WORKER_PORT"]) == ("3", "attic-3", "8091")


def test_the_operators_manual_has_every_key_and_its_default() -> None:
    lines = (settings.CHECKOUT / ".env.example").read_text().splitlines()
    told = dict(line.removeprefix("#").split("=", 1) for line in lines if re.match(r"#[A-Z][A-Z0-9_]*=", line))

    assert {key: int(told[key]) for key in settings.PORTS} == settings.PORTS
    assert settings.DEFAULTS.keys() <= told.keys()


def test_another_server_is_one_setting(tmp_path: Path) -> None:
    program = tmp_path / "keydb"
    program.touch(0o700)
    for name, path in {
        "redis": "/usr/bin/redis-server",
        "valkey": "/valkey-server",
        str(program): str(program),
    }.items():
        (process,) = redis_server.processes(load(tmp_path, REDIS_SERVER=name))
        assert process.command.split()[0].endswith(path)
    for name in ("minio", "versitygw"):
        (process,) = s3_server.processes(load(tmp_path, S3_SERVER=name))
        assert f"/{name} " in process.command
        assert process.ports["S3_PORT"] == 9010


def test_secrets_are_drawn_once_and_are_for_the_owner_alone(tmp_path: Path) -> None:
    first = environment.shared(load(tmp_path))
    second = environment.shared(load(tmp_path))
    elsewhere = environment.shared(load(tmp_path, DATA_DIR=str(tmp_path / "other")))

    assert first == second
    assert first["S3_SECRET_KEY"] != elsewhere["S3_SECRET_KEY"]
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "data" / "secrets").iterdir()}
    assert modes == {0o600}
