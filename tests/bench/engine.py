"""Darkroom against a plain serial loop, on the same machine in the same run.

`make bench-engine` starts a private stack with one worker, measures, prints one table and writes the raw rounds beside it.

Every figure is a ratio of arms that were interleaved (A B B A): the median of the rounds and its 95 % bootstrap interval.
The arms of a round: the serial loop twice (their ratio, the A/A arm, must stay within 3 %, or the run proves nothing),
and as many jobs submitted at once, whose rate is taken between the first and the last completion. Batching is off
(`batch: 1`), so that both arms draw the same. The Poisson arm submits at 90 % of the serial rate; what the service has
completed when the last job arrives is held against what an ideal server of the serial speed would have.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
import yaml

from bench.customer import Customer, Ended
from bench.ratio import interval, spoken
from bench.stack import ROOT, Stack, private_stack

LOAD = 0.9
AA_LIMIT = 0.03


class Serial:
    """The serial loop, kept ready between rounds."""

    def __init__(self, model: str, steps: int, step_ms: float) -> None:
        command = [sys.executable, "-m", "bench.serial", model, "--steps", str(steps), "--step-ms", str(step_ms)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._read()

    def rate(self, pictures: int) -> float:
        """Pictures per second."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{pictures}\n")
        self._process.stdin.flush()
        return pictures / float(self._read())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the serial loop ended early")
        return line


class Arms:
    """Darkroom's side of the comparison."""

    def __init__(self, customer: Customer, model: str, steps: int, step_ms: float) -> None:
        self._customer = customer
        self._request = {"model": model, "prompt": "a red mug", "steps": steps, "batch": 1}
        if model == "simulated":
            self._request["metadata"] = {"step_ms": str(round(step_ms))}

    def saturated(self, jobs: int) -> float:
        """Pictures per second between the first completion and the last."""
        ends = self._draw([0.0] * jobs)
        completed = sorted(end.completed for end in ends)
        return (jobs - 1) / (completed[-1] - completed[0])

    def poisson(self, jobs: int, serial_rate: float, seed: int) -> float:
        """Completed when the last job arrives / what an ideal server of the serial speed had completed by then."""
        chance = random.Random(seed)
        ends = self._draw([chance.expovariate(LOAD * serial_rate) for _ in range(jobs)])
        arrivals = sorted(end.submitted for end in ends)
        return sum(end.completed <= arrivals[-1] for end in ends) / _ideal(arrivals, 1 / serial_rate)

    def _draw(self, gaps: Sequence[float]) -> list[Ended]:
        jobs, due = [], time.monotonic()
        for gap in gaps:
            due += gap
            time.sleep(max(0.0, due - time.monotonic()))
            jobs.append(self._customer.submit(**self._request))
        return self._customer.wait(jobs)


def _ideal(arrivals: Sequence[float], service: float) -> int:
    """Jobs that one server with this time per job, in s, has completed when the last one arrives."""
    free, done = 0.0, 0
    for arrival in arrivals:
        free = max(free, arrival) + service
        done += free <= arrivals[-1]
    return done


def measure(given: argparse.Namespace) -> dict[str, list[float]]:
    """Ratios by name, one of each round."""
    found: dict[str, list[float]] = {"serial / serial": [], "saturated / serial": [], "Poisson at 90 % / ideal": []}
    serial = Serial(given.model, given.steps, given.step_ms)
    with private_stack(WORKER_MODELS=given.model, **_engine(given.model)) as stack:
        arms = _arms(stack, given)
        arms.saturated(3)
        for number in range(given.rounds):
            first = serial.rate(given.pictures)
            rates = [arms.saturated(given.pictures) for _ in range(2)]
            second = serial.rate(given.pictures)
            middle = (first + second) / 2
            found["serial / serial"].append(first / second)
            found["saturated / serial"].append(sum(rates) / 2 / middle)
            found["Poisson at 90 % / ideal"].append(arms.poisson(2 * given.pictures, middle, number))
            print(f"round {number + 1}: {middle:.2f} pictures/s", file=sys.stderr)
    serial.close()
    found["previews on / off"] = [
        saturated_rate(given, "true") / saturated_rate(given, "false") for _ in range(max(3, given.rounds // 3))
    ]
    return found


def saturated_rate(given: argparse.Namespace, previews: str) -> float:
    """Pictures per second of a stack started for this alone."""
    with private_stack(WORKER_MODELS=given.model, WORKER_PREVIEWS=previews, **_engine(given.model)) as stack:
        arms = _arms(stack, given)
        arms.saturated(3)
        return arms.saturated(given.pictures)


def _engine(model: str) -> dict[str, str]:
    """An environment without torch where the model needs none."""
    return {"WORKER_ENGINE": "simulated"} if model == "simulated" else {}


def _arms(stack: Stack, given: argparse.Namespace) -> Arms:
    return Arms(Customer(stack.settings["GATEWAY_ADDR"]), given.model, given.steps, given.step_ms)


def switches(fit: bool) -> int:
    """Model loads per 100 jobs of two models that take turns."""
    catalogue = yaml.safe_load((ROOT / "deploy/models.yaml").read_text())
    one = next(entry for entry in catalogue["models"] if entry["id"] == "simulated") | {"memory_mb": 600}
    models = [one | {"id": "simulated", "default": True}, one | {"id": "second"}]
    path = ROOT / ".darkroom/bench-models.yaml"
    path.write_text(json.dumps({"models": models}))
    with private_stack(
        WORKER_ENGINE="simulated", MODELS_FILE=str(path), WORKER_MEMORY="2GiB" if fit else "1GiB"
    ) as stack:
        customer = Customer(stack.settings["GATEWAY_ADDR"])
        jobs = [
            customer.submit(model=models[number % 2]["id"], prompt="a red mug", steps=4, metadata={"step_ms": "10"})
            for number in range(100)
        ]
        customer.wait(jobs)
        text = httpx.get(f"http://127.0.0.1:{stack.settings['WORKER_PORT']}/metrics").text
    return sum(
        round(float(line.split()[-1]))
        for line in text.splitlines()
        if line.startswith("darkroom_worker_model_loads_total{")
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--model", choices=["simulated", "pocket-studio"], default="simulated")
    arguments.add_argument("--steps", type=int, default=20)
    arguments.add_argument("--step-ms", type=float, default=50, help="of the simulated model")
    arguments.add_argument("--pictures", type=int, default=20, help="of an arm in a round")
    arguments.add_argument("--rounds", type=int, default=10)
    arguments.add_argument("--raw", type=Path, default=ROOT / ".darkroom/bench-engine.json")
    given = arguments.parse_args()
    found = measure(given)
    loads = {"both fit": switches(fit=True), "one fits": switches(fit=False)} if given.model == "simulated" else {}
    given.raw.write_text(json.dumps({"arguments": vars(given), "ratios": found, "loads": loads}, default=str, indent=1))
    print(f"{given.model}, {given.steps} steps a picture, {given.rounds} rounds of {given.pictures} pictures an arm")
    for name, ratios in found.items():
        print(f"  {name:32} {spoken(ratios)}")
    for name, count in loads.items():
        print(f"  {'loads per 100 jobs, ' + name:32} {count}")
    _, low, high = interval(found["serial / serial"])
    if low < 1 - AA_LIMIT or high > 1 + AA_LIMIT:
        raise SystemExit("the A/A arm strays by more than 3 %: the machine was not quiet, and this run proves nothing")


if __name__ == "__main__":
    main()
