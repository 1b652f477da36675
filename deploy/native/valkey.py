"""Valkey, instead of Redis: the machine's own, or Debian's from backports, unpacked outside the checkout and not installed.

It links against the libraries that Redis brings along."""

from __future__ import annotations

import platform
import shutil
import tempfile
from pathlib import Path

import step
from settings import Settings, cache_dir

PACKAGES = ("valkey-server", "valkey-tools")
MIRROR = "http://deb.debian.org/debian"


def path(settings: Settings) -> Path:
    return Path(shutil.which("valkey-server") or _folder(settings) / "usr" / "bin" / "valkey-server")


def install(settings: Settings) -> None:
    """Raises StepFailed where neither the machine nor its distribution's backports have it."""
    if path(settings).exists():
        step.skipped(f"valkey-server ({path(settings)})")
        return
    _folder(settings).parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_folder(settings).parent) as draft:
        _download(Path(draft))
        for package in Path(draft).glob("*.deb"):
            step.run(f"unpacking {package.name}", ["dpkg-deb", "-x", str(package), f"{draft}/root"])
        (Path(draft) / "root").rename(_folder(settings))


def _download(folder: Path) -> None:
    """apt checks the signatures; it is given a list of its own, so that the machine's stays as it is."""
    (folder / "sources.list").write_text(f"deb {MIRROR} {_suite()} main\n")
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    own = {
        "Dir::Etc::SourceList": folder / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "-q", *(f"-o{key}={value}" for key, value in own.items())]
    step.run(f"reading the package list of {_suite()}", [*apt, "update"])
    step.run(f"downloading {' and '.join(PACKAGES)}", [*apt, "download", *PACKAGES], directory=folder)


def _suite() -> str:
    try:
        return f"{platform.freedesktop_os_release()['VERSION_CODENAME']}-backports"
    except (OSError, KeyError) as error:
        raise step.StepFailed("REDIS_SERVER=valkey: install valkey-server; this is no Debian") from error


def _folder(settings: Settings) -> Path:
    return cache_dir(settings) / "valkey"
