"""One set of machines for the session. The tests sit at the customer's."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from machines.machines import Machines


@pytest.fixture(scope="session")
def machines() -> Iterator[Machines]:
    missing = [name for name in ("ip", "nginx", "openssl", "redis-server") if shutil.which(name) is None]
    if os.geteuid() != 0 or missing:
        trouble = f"machines of our own need root and {', '.join(missing) or 'nothing else'}"
        if os.environ.get("CI") == "true":
            pytest.fail(trouble)
        pytest.skip(trouble)
    kept = os.environ.get("KEEP_MACHINES")
    with tempfile.TemporaryDirectory(prefix="darkroom-machines-") as folder:
        made = Machines(Path(kept or folder))
        try:
            made.up()
            with made.network.sitting_at("customer"):
                made.until_ready()
                yield made
        finally:
            made.down()
