"""Every failpoint, struck in every way: the job that was in that step ends once, as it should.

The points are asked of the programs themselves. FAULTS=all strikes each in each way; else a few, drawn by SEED: the storm strikes many more.
"""

import os
import random
import re
import time
from collections.abc import Iterator

import pytest

from contract import scripts
from faults import vitals
from faults.failpoints import HALVES, KINDS, Failpoints
from faults.scenes import SCENES, Case, House
from system.books import Books
from system.broker import Broker
from system.client import Client
from system.stack import ROOT, Stack
from system.wait import until

STRIKE_SECONDS = 60
END_SECONDS = 120  # a dead worker's lease, a delay queue, and the line in front


@pytest.mark.parametrize("half", HALVES)
def test_every_failpoint_has_a_scene_that_reaches_it(half: str, stack: Stack) -> None:
    steps = {point.split(".")[0] for point in Failpoints(stack).of(half)}
    assert steps == set(SCENES[half])


@pytest.fixture
def failpoints(stack: Stack) -> Iterator[Failpoints]:
    made = Failpoints(stack)
    made.disarm()
    yield made
    made.disarm()


@pytest.mark.timeout(3600)
def test_a_job_in_a_step_that_is_struck_ends_once(
    stack: Stack, client: Client, books: Books, broker: Broker, failpoints: Failpoints
) -> None:
    house = House(stack, client, books, broker)
    wrong: list[str] = []
    for batch in batches(failpoints):
        cases = {shot: struck(house, failpoints, *shot) for shot in batch}
        stack.until_ready()
        wrong += [f"{' '.join(shot)}: {fault}" for shot, case in cases.items() for fault in complaints(house, case)]
    assert not wrong, "\n".join([f"SEED={SEED}", *wrong])


SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**6))
SAMPLE, BATCH = 8, 12  # no more in a batch, or one job might meet a third kill: it would rightly fail


def batches(failpoints: Failpoints) -> list[list[tuple[str, str, str]]]:
    """(half, point, kind), all of them or some, in groups of one kind that are over before the next begins."""
    shots = [(half, point, kind) for kind in KINDS for half in HALVES for point in failpoints.of(half)]
    if os.environ.get("FAULTS") != "all":
        quick = [shot for shot in shots if (shot[0], shot[2]) != ("worker", "kill")]  # without waits for a dead lease
        shots = sorted(random.Random(SEED).sample(quick, SAMPLE), key=shots.index)
    groups = [[shot for shot in shots if shot[2] == kind] for kind in KINDS]
    return [group[start : start + BATCH] for group in groups for start in range(0, len(group), BATCH)]


def struck(house: House, failpoints: Failpoints, half: str, point: str, kind: str) -> Case | str:
    """The job that was in the step, or why there is none."""
    scene = SCENES[half][point.split(".", maxsplit=1)[0]]
    house.stack.until_ready()
    until(lambda: young(house.stack) > 1.2, 10, "the runner takes their starts for good ones")
    failpoints.arm(half, *scene.first, f"{point}:{kind}")
    try:
        case = scene.play(house)
        until(lambda: not failpoints.waiting(half), STRIKE_SECONDS, "it strikes")
    except AssertionError as error:
        failpoints.disarm()
        return str(error)
    print(half, point, kind, case.job, flush=True)
    return case


def young(stack: Stack) -> float:
    """Age in s of the youngest gateway. The runner gives up on one that ends within its first second, again and again."""
    return min(time.time() - vitals.start(stack.admin(gateway)) for gateway in range(len(stack.gateways)))


def complaints(house: House, case: Case | str) -> list[str]:
    """What cannot be, once the job has ended."""
    if isinstance(case, str):
        return [case]
    try:
        seen = until(lambda: house.end(case.job), END_SECONDS, "it has ended, as both gateways tell")
        until(lambda: len(house.books.prefixes(case.job)) <= (case.end == "succeeded"), 40, "orphans are swept")
    except AssertionError as error:
        return [f"{case.job}: {error}"]
    verdict = house.books.verdict(case.job)
    told = {"succeeded": "succeeded", "canceled": "canceled", "gone": "deleted"}[case.end]
    return [
        f"{case.job}: {words}"
        for words, wrong in {
            f"ended as {seen}": seen != case.end,
            f"the verdict is {verdict and verdict['state']}": not verdict or verdict["state"] != told,
        }.items()
        if wrong
    ]


MODEL = ROOT / "contract" / "model"
# Who asks, and what happens by itself.
OUTSIDE = {
    "request",
    "worker",
    "reader",
    "cancel",
    "delete",
    "time",
    "lease",
    "traffic",
    "delay_queue",
    "faults",
    "tick",
    "stuck",
}


def test_code_scripts_and_model_name_the_same_steps(stack: Stack) -> None:
    steps = {point.split(".")[0] for half in HALVES for point in Failpoints(stack).of(half)}
    text = "\n".join(file.read_text() for file in MODEL.rglob("*.pml"))
    acts, actors = (set(re.findall(rf"^{kind} (\w+)\(", text, re.MULTILINE)) for kind in ("inline", "proctype"))
    actors = {actor.lower() for actor in actors}
    line = next(line for line in (MODEL / "README.md").read_text().splitlines() if "that are not in the model" in line)
    assert steps - acts - actors == set(re.findall(r"`([a-z]+)`", line))
    assert actors - steps == OUTSIDE
    assert scripts.names() <= steps & acts
