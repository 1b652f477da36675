"""RabbitMQ, Redis and S3 as somebody else would run them: on a machine of their own, with passwords, by TLS alone."""

import os
import shutil
from pathlib import Path

RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # the server itself: the wrapper in sbin changes to another user
PASSWORD = "of-the-machines"  # noqa: S105 - of servers that live as long as the test
ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("CACHE_DIR") or Path.home() / ".cache" / "darkroom")


def redis(folder: Path, certificate: Path, key: Path) -> list[str]:
    folder.mkdir()
    return [
        "redis-server", "--port", "0", "--tls-port", "6379", "--bind", "*", "--dir", str(folder), "--requirepass", PASSWORD,
        "--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-auth-clients", "no", "--tls-ca-cert-file", str(certificate),
        "--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction",
    ]  # fmt: skip


def s3(folder: Path, certificate: Path, key: Path) -> tuple[list[str], dict[str, str]]:
    """Command and environment."""
    certificates = folder / "certificates"
    certificates.mkdir(parents=True)
    shutil.copy(certificate, certificates / "public.crt")
    shutil.copy(key, certificates / "private.key")
    minio = next((CACHE / "go").glob("minio-*/minio"))
    command = [
        str(minio),
        "server",
        "--quiet",
        str(folder / "data"),
        "--address",
        ":9000",
        "--certs-dir",
        str(certificates),
    ]
    return command, {
        "HOME": str(folder),
        "MINIO_ROOT_USER": "machines",
        "MINIO_ROOT_PASSWORD": PASSWORD,
        "MINIO_UPDATE": "off",
    }


def rabbitmq(folder: Path, certificate: Path, key: Path) -> tuple[list[str], dict[str, str]]:
    """Command and environment."""
    folder.mkdir()
    (folder / "rabbitmq.conf").write_text(
        (ROOT / "deploy" / "rabbitmq" / "rabbitmq.conf").read_text()
        + f"""
listeners.tcp = none
listeners.ssl.default = 5671
ssl_options.certfile = {certificate}
ssl_options.keyfile = {key}
ssl_options.verify = verify_none
ssl_options.fail_if_no_peer_cert = false
default_user = darkroom
default_pass = {PASSWORD}
"""
    )
    (folder / "enabled_plugins").write_text("[].")
    return [RABBITMQ], {
        "HOME": str(folder), "RABBITMQ_NODENAME": "machines@localhost", "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(ROOT / "deploy" / "rabbitmq" / "advanced.config"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"), "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"), "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_SCHEDULER_BUSY_WAIT_THRESHOLD": "none", "RABBITMQ_SCHEDULER_BIND_TYPE": "u", "RUNNING_UNDER_SYSTEMD": "true",
    }  # fmt: skip
