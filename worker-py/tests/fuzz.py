"""The properties of the worker's decoders, each as many times as FUZZ says (default 1 000 000): `make fuzz-worker`.

In batches, each with a seed of its own, because Hypothesis remembers what it has drawn. A failure prints its example and ends the run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, seed, settings

from tests import test_catalog, test_messages

BATCH = 10_000
PROPERTIES: tuple[Callable[[], None], ...] = (
    test_messages.test_any_bytes_are_a_job_or_garbage,
    test_messages.test_a_damaged_message_is_a_job_or_garbage_and_tells_a_version_or_none,
    test_messages.test_a_job_with_any_value_in_any_place_is_read_or_garbage,
    test_catalog.test_a_damaged_catalogue_is_read_or_refused_in_lines_that_name_the_file,
)


def main() -> None:
    total = int(os.environ.get("FUZZ", "1000000"))
    batch = min(BATCH, total)
    long = settings(
        max_examples=batch,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    for holds in PROPERTIES:
        print(f"=== {holds.__name__}", flush=True)
        began = time.monotonic()
        run = long(holds)
        for number in range(-(-total // batch)):
            seed(number)(run)()
        print(f"    {-(-total // batch) * batch} examples in {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
