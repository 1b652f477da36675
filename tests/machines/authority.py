"""A certificate authority of this test alone."""

import subprocess
from pathlib import Path

DAYS = "2"


class Authority:
    """`certificate` is the PEM file that the others are to trust."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self.certificate = folder / "ca.crt"
        self._key = folder / "ca.key"
        _openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-subj", "/CN=The test's authority",
            "-days", DAYS, "-keyout", self._key, "-out", self.certificate,
        )  # fmt: skip

    def issue(self, name: str, address: str) -> tuple[Path, Path]:
        """Certificate and key of the machine with this address."""
        certificate, key = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        _openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-subj", f"/CN={name}",
            "-addext", f"subjectAltName=IP:{address}", "-addext", "basicConstraints=critical,CA:FALSE",
            "-days", DAYS, "-CA", self.certificate, "-CAkey", self._key, "-keyout", key, "-out", certificate,
        )  # fmt: skip
        return certificate, key


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
