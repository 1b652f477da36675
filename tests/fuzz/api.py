"""Requests drawn from the served OpenAPI document, good and bad, single and in chains, each answer held against it by every check of
schemathesis.

`make fuzz-api` brings up a Darkroom with the simulated model; CI asks the system tests' stack with a few cases.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

from system.keys import new_key
from system.stack import Stack

HERE = Path(__file__).parent
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")


# Among the operations that make jobs, a DELETE takes theirs and is over when they are gone, after a few dozen. Alone it draws its ids.
ALONE = ("--include-method", "DELETE")


def fuzz(stack: Stack, cases: int, seed: int | None = None, *chosen: str) -> subprocess.CompletedProcess[str]:
    """At most `cases` drawn cases of each operation beside those that the document's limits suggest; all by one API key."""
    seeded = [] if seed is None else ["--seed", str(seed)]
    with tempfile.TemporaryDirectory(prefix="darkroom-fuzz-") as folder:
        return subprocess.run(
            [
                *(
                    SCHEMATHESIS,
                    "--config-file",
                    HERE / "schemathesis.toml",
                    "run",
                    f"{stack.gateways[0]}/openapi.json",
                ),
                *("--checks", "all", "--max-examples", str(cases), "--no-color", *seeded, *chosen),
            ],
            env=os.environ | {"FUZZ_KEY": new_key(stack)},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )


def answered(stack: Stack) -> dict[str, dict[str, int]]:
    """Operation -> status -> how often, as the gateway counts them itself."""
    line = re.compile(r'^darkroom_http_requests_total\{method="(\w+)",route="(/v1[^"]*)",status="(\d+)"\} (\d+)', re.M)
    found: dict[str, dict[str, int]] = {}
    for method, route, status, count in line.findall(httpx.get(f"{stack.admin()}/metrics").text):
        found.setdefault(f"{method} {route}", {})[status] = int(count)
    return found


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="fuzz.api", description=__doc__)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--offset", type=int, default=4700, help="of the stack's ports")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="darkroom-fuzz-") as folder:
        stack = Stack(Path(folder), options.offset, gateways=1)
        try:
            stack.up()
            stack.until_ready()
            runs = [fuzz(stack, options.cases, options.seed, *chosen) for chosen in ((), ALONE)]
            counts = answered(stack)
        finally:
            stack.down()
    for done in runs:
        print(done.stdout, done.stderr)
    for operation, statuses in sorted(counts.items()):
        print(f"{sum(statuses.values()):7} {operation}: {statuses}")
    return int(any(done.returncode for done in runs))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
