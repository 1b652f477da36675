"""Programs built from public Go modules, one version each, kept outside the checkout."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import step
from settings import Settings, cache_dir


@dataclass(frozen=True)
class GoProgram:
    """`package` is what `go install` takes; the binary has the name of its last element."""

    package: str
    version: str
    how_long: str

    def path(self, settings: Settings) -> Path:
        name = self.package.rpartition("/")[2]
        return cache_dir(settings) / "go" / f"{name}-{self.version}" / name

    def install(self, settings: Settings) -> None:
        """Builds the program unless this version is there already."""
        target = self.path(settings)
        if target.exists():
            step.skipped(f"{target.name} is built ({target})")
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as draft:
            step.run(
                f"building {target.name} {self.version} ({self.how_long}, once)",
                ["go", "install", "-v", f"{self.package}@{self.version}"],
                environment={**os.environ, "GOBIN": draft, "GOFLAGS": ""},
            )
            (Path(draft) / target.name).rename(target)


MINIO = GoProgram("github.com/minio/minio", "v0.0.0-20260212201848-7aac2a2c5b7c", "about three minutes")
VERSITYGW = GoProgram("github.com/versity/versitygw/cmd/versitygw", "v1.8.0", "about three minutes")
STATICCHECK = GoProgram("honnef.co/go/tools/cmd/staticcheck", "v0.8.2", "half a minute")
GOVULNCHECK = GoProgram("golang.org/x/vuln/cmd/govulncheck", "v1.9.0", "a minute")
