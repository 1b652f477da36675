"""Darkroom against a plain serial loop that stores nothing, on the same machine in the same run: one table.

`make bench-engine` takes about twelve minutes; ARGS="--rounds 20" takes longer and is surer, ARGS="simulated png" measures parts.

Each ratio is of arms that were interleaved (A B B A): the median of the rounds and its 95 % bootstrap interval. In every
round the serial loop runs twice: where the ratio of the two, the A/A arm, may stray by more than 3 %, the part proves nothing.
A round in which others took more than 0.2 cores is not counted; there are at most twice as many rounds as are to count.

simulated      512 x 512, 20 steps of 25 ms that only wait, as for a GPU. The Poisson arm submits at 90 % of the serial rate; what the
               service has completed when the last job arrives is held against an ideal server of the serial speed.
pocket-studio  256 x 256, 20 steps, really drawn, so that both sides share the CPU with their drawing. The loop's threads sleep while
               they wait for each other, as the engine's do: that is what Darkroom costs. Another loop is left as it comes:
               its threads spin, and what sleeping costs is added. Previews on and off are two services that stand ready
               at the same time.
png            CPU time of the worker's PNG against Pillow's default, for a 512 x 512 sheet of drawn pictures.
loads          models loaded for 100 jobs of two models that take turns.

--device cuda  measures gpu-512 and gpu-1024 instead: a model of the size of Stable Diffusion 1.5 with random weights (2 GB,
               built once into .darkroom), static batches of 1 to 8 and the service without and with batching, 20 steps a
               picture, against the stock pipeline one by one. Needs a GPU of 12 GB. No figure in this repository comes from it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.loads import per_hundred_jobs
from bench.png import Encoders
from bench.ratio import Row
from bench.rounds import AA, Bench, Part, Round, at_least, at_most
from bench.stack import OFFSET
from bench.subject import ROOT, SUBJECTS

SECOND = str(int(OFFSET) + 300)  # ports of a service beside the first


def simulated(rounds: int) -> Part:
    with ExitStack() as opened:
        bench = Bench(SUBJECTS["simulated"], rounds, opened)
        service, pictures = bench.service(), bench.subject.pictures

        def a_round(number: int) -> Round:
            first = bench.serial.rate(pictures)
            saturated = [service.saturated(pictures) for _ in range(2)]
            second = bench.serial.rate(pictures)
            capacity = (first + second) / 2
            return {
                AA: first / second,
                "saturated": sum(saturated) / 2 / capacity,
                "Poisson": service.poisson(2 * pictures, capacity, number),
            }

        return bench.repeat(a_round, lambda found: [
            at_least("saturated / serial loop", found["saturated"], 0.97),
            at_least("Poisson at 90 %: completed / ideal server", found["Poisson"], 0.96),
        ])  # fmt: skip


def pocket_studio(rounds: int) -> Part:
    with ExitStack() as opened:
        bench = Bench(SUBJECTS["pocket-studio"], rounds, opened)
        shown, hidden, pictures = (
            bench.service(),
            bench.service(PORT_OFFSET=SECOND, WORKER_PREVIEWS="false"),
            bench.subject.pictures,
        )

        spinner = bench.loop()

        def a_round(_: int) -> Round:
            first, spinning = bench.serial.rate(pictures), spinner.rate(pictures)
            on, off, off_again, on_again = (service.saturated(pictures) for service in (shown, hidden, hidden, shown))
            spinning_again, second = spinner.rate(pictures), bench.serial.rate(pictures)
            return {
                AA: first / second,
                "saturated": (on + on_again) / (first + second),
                "spinning": (on + on_again) / (spinning + spinning_again),
                "previews": (on + on_again) / (off + off_again),
            }

        return bench.repeat(a_round, lambda found: [
            at_least("saturated / serial loop", found["saturated"], 0.97),
            Row("saturated / serial loop of spinning threads", found["spinning"]),
            at_least("previews on / off", found["previews"], 0.98),
        ])  # fmt: skip


def png(rounds: int) -> Part:
    encoders = Encoders()
    return Part("PNG of 512 x 512, with its settings", [
        at_most("CPU time / Pillow's default", [encoders.time() for _ in range(rounds)], 0.25, ", lossless"),
        Row("bytes / Pillow's default", [encoders.length()]),
    ])  # fmt: skip


def loads(_: int) -> Part:
    return Part("model loads per 100 jobs, two models in turns", [
        Row("both fit into memory", [per_hundred_jobs(fit=True)], (2, 2), "2"),
        at_most("one fits", [per_hundred_jobs(fit=False)], 6),
    ])  # fmt: skip


def gpu(name: str, rounds: int) -> Part:
    subprocess.run([sys.executable, "-m", "bench.sdsize"], check=True)
    with ExitStack() as opened:
        bench = Bench(SUBJECTS[name], rounds, opened)
        service, pictures = bench.service(), bench.subject.pictures

        def a_round(_: int) -> Round:
            first = bench.serial.rate(pictures)
            alone, batched = service.saturated(pictures), service.batched(pictures)
            static = {f"static batch of {rows}": bench.serial.rate(pictures, rows) for rows in (2, 4, 8)}
            second = bench.serial.rate(pictures)
            serial = (first + second) / 2
            arms = {AA: first / second * serial, "alone": alone, "batched": batched, **static}
            return {arm: rate / serial for arm, rate in arms.items()}

        least = 1.3 if bench.subject.size == 512 else 0.99
        return bench.repeat(a_round, lambda found: [
            *(Row(f"{arm} / serial loop", found[arm]) for arm in found if arm.startswith("static")),
            at_least("saturated, no batching / serial loop", found["alone"], 0.97),
            at_least("saturated, batching / serial loop", found["batched"], least),
        ])  # fmt: skip


PARTS: dict[str, Callable[[int], Part]] = {
    "simulated": simulated, "pocket-studio": pocket_studio, "png": png, "loads": loads,
}  # fmt: skip
GPU_PARTS: dict[str, Callable[[int], Part]] = {name: partial(gpu, name) for name in ("gpu-512", "gpu-1024")}


def main() -> None:
    arguments = argparse.ArgumentParser(
        prog="bench.engine", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("parts", nargs="*", metavar="part", help="all of the device's when none is named")
    arguments.add_argument("--rounds", type=int, default=10)
    arguments.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    arguments.add_argument("--raw", type=Path, default=ROOT / ".darkroom" / "bench-engine.json")
    given = arguments.parse_args()
    known = PARTS if given.device == "cpu" else GPU_PARTS
    if unknown := set(given.parts) - set(known):
        arguments.error(f"no part {', '.join(unknown)}: there are {', '.join(known)}")
    parts = {name: known[name](given.rounds) for name in known if not given.parts or name in given.parts}
    given.raw.parent.mkdir(parents=True, exist_ok=True)
    given.raw.write_text(json.dumps({name: _raw(part) for name, part in parts.items()}, indent=1))
    print(f"  {'':44} {'ratio (95 % interval)':24} {'target':20}")
    for part in parts.values():
        part.show()
    print(f"\nraw rounds: {given.raw}")
    sys.exit(1 if any(part.void for part in parts.values()) else 0)


def _raw(part: Part) -> dict[str, object]:
    return {
        "title": part.title, "void": part.void, "rounds": {row.name: row.samples for row in part.rows},
        "neighbours' cores": part.neighbours,
    }  # fmt: skip


if __name__ == "__main__":
    main()
