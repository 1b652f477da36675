"""The rule of the line, in virtual time: which jobs go next, together, and when a model may take another's place."""

from __future__ import annotations

import heapq
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom_worker.catalog import Model
from darkroom_worker.line import LINGER_SECONDS, PATIENCE_END, PATIENCE_SECONDS, Delivery, Line
from darkroom_worker.messages import Job

STALL = {"load": 1, "warm_up": 1, "first_step": 1, "step": 1, "decode": 1}


def model(name: str) -> Model:
    return Model.model_validate(
        {"id": name, "task": "simulated", "schedulers": {"simulated": {}}, "batch_cap": 8, "stall_seconds": STALL}
    )


def job(name: str = "a", **spec: Any) -> Job:
    decided = {
        "prompt": "a mug", "negative_prompt": "", "width": 64, "height": 64, "steps": 4, "guidance_scale": 3.0,
        "scheduler": "simulated", "seed": 7, "n": 1, "format": "png", **spec,
    }  # fmt: skip
    return Job.model_validate(
        {
            "version": 1, "id": f"{'0' * 42}", "owner": "ab" * 16, "model": name, "task": "simulated", "spec": decided,
            "input": {}, "warnings": [], "metadata": {}, "seed_drawn": False, "created_at": 1, "deadline": 2, "max_attempts": 3,
        }
    )  # fmt: skip


@dataclass
class Memory:
    """Models of equal size, of which `fit` find room; the least recently used leaves."""

    fit: int
    rows: int = 4
    warm: list[str] = field(default_factory=list)
    promised: list[str] = field(default_factory=list)  # being loaded

    def would_evict(self, name: str) -> set[str] | None:
        if name in self.warm or name in self.promised:
            return set()
        if not self.fit:
            return None
        over = len(self.warm) + len(self.promised) + 1 - self.fit
        return set(self.warm[: max(0, over)])

    def cap(self, name: str, width: int, height: int) -> int:
        return self.rows if width == 64 else 1


@dataclass
class Group:
    jobs: list[Delivery]
    drawing: bool = False

    @property
    def model(self) -> str:
        return self.jobs[0].job.model


@dataclass
class World:
    """A worker between a broker and a device, in virtual seconds: deliveries by prefetch, one drawing, one load beside it."""

    memory: Memory
    names: tuple[str, ...] = ("a", "b")
    draw: float = 1.0
    load: float = 5.0
    store: float = 0.3  # from drawn to acknowledged
    travel: float = 0.01  # from the acknowledgement to the next delivery
    now: float = 0.0
    loads: int = 0
    groups: list[list[Delivery]] = field(default_factory=list)  # as they were begun
    waits: list[float] = field(default_factory=list)  # s, from delivery to begin
    ended: int = 0

    def __post_init__(self) -> None:
        self.line = Line({name: model(name) for name in self.names}, self.memory, lambda _: self.load)
        self.broker: dict[str, deque[Job]] = {name: deque() for name in self.names}
        self.held: Counter[str] = Counter()
        self.undrawn: list[Group] = []
        self.storing: Counter[str] = Counter()
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.number = 0

    def at(self, when: float, what: Callable[[], None]) -> None:
        self.number += 1
        heapq.heappush(self.events, (when, self.number, what))

    def publish(self, arrivals: Iterable[tuple[float, Job]]) -> int:
        count = 0
        for when, each in arrivals:
            self.at(when, lambda each=each: self.broker[each.model].append(each))  # type: ignore[misc]
            count += 1
        return count

    def run(self, arrivals: Iterable[tuple[float, Job]]) -> World:
        """Until all have ended. A look at the line after every event, and four times a second."""
        count = self.publish(arrivals)
        while self.ended < count:
            self.look()
            tick = self.now + 0.25
            if self.events and self.events[0][0] <= tick:
                self.now, _, what = heapq.heappop(self.events)
                what()
            else:
                self.now = tick
            assert self.now < 1e6
        return self

    def look(self) -> None:
        for name, queue in self.broker.items():
            while queue and self.held[name] < self.memory.rows + 1:
                self.held[name] += 1
                self.line.add(Delivery(queue.popleft(), 0, None, self.now))
        while group := self.next():
            self.begin(Group(group))

    def next(self) -> list[Delivery]:
        undrawn = {group.model for group in self.undrawn}
        before = list(self.line.waiting)
        group = self.line.next(self.now, undrawn, undrawn | set(+self.storing))
        if before and not undrawn and not any(d.job.model not in self.memory.warm for d in before):
            assert group, "the device is free, the model is there, and nothing is drawn"
        assert [d for d in before if d not in group] == self.line.waiting
        return group

    def begin(self, group: Group) -> None:
        self.groups.append(group.jobs)
        self.waits += [self.now - delivery.arrived for delivery in group.jobs]
        name = group.model
        cold = name not in self.memory.warm
        if cold:
            assert not any(other.model not in self.memory.warm for other in self.undrawn), "one load at a time"
            out = self.memory.would_evict(name) or set()
            assert not out & {other.model for other in self.undrawn}, "a model that draws cannot leave"
            self.memory.warm = [known for known in self.memory.warm if known not in out]
            self.memory.promised.append(name)
            self.loads += 1
            self.undrawn.append(group)
            self.at(self.now + self.load, lambda: self.loaded(group))
        else:
            assert not any(other.model in self.memory.warm for other in self.undrawn), "one group draws at a time"
            self.undrawn.append(group)
            self.turn()

    def loaded(self, group: Group) -> None:
        self.memory.promised.remove(group.model)
        self.memory.warm.append(group.model)
        self.turn()

    def turn(self) -> None:
        if any(group.drawing for group in self.undrawn):
            return
        ready = [group for group in self.undrawn if group.model in self.memory.warm]
        if ready:
            ready[0].drawing = True
            self.memory.warm.remove(ready[0].model)
            self.memory.warm.append(ready[0].model)
            self.at(self.now + self.draw, lambda: self.drawn(ready[0]))

    def drawn(self, group: Group) -> None:
        self.undrawn.remove(group)
        self.storing[group.model] += 1
        self.at(self.now + self.store, lambda: self.stored(group))
        self.turn()

    def stored(self, group: Group) -> None:
        self.storing[group.model] -= 1
        self.ended += len(group.jobs)

        def acknowledged() -> None:
            self.held[group.model] -= len(group.jobs)

        self.at(self.now + self.travel, acknowledged)


def line(memory: Memory, *waiting: Job) -> Line:
    known = Line({name: model(name) for name in ("a", "b", "c")}, memory, lambda _: 1.0)
    for each in waiting:
        known.add(Delivery(each, 0, None, 0.0))
    return known


def seeds(group: list[Delivery]) -> list[int]:
    return [delivery.job.spec.seed for delivery in group]


def test_the_oldest_goes_first_and_those_of_its_kind_ride_along_up_to_the_cap() -> None:
    waiting = line(Memory(2, warm=["a"]), *(job(seed=seed, steps=4 + seed % 2) for seed in range(10)))
    assert seeds(waiting.next(0, (), ())) == [0, 2, 4, 6]
    assert seeds(waiting.next(0, (), ())) == [1, 3, 5, 7]
    assert seeds(waiting.next(0, (), ())) == [8]
    assert seeds(waiting.next(0, (), ())) == [9]
    assert waiting.next(0, (), ()) == []


def test_one_alone_is_begun_at_once() -> None:
    assert seeds(line(Memory(2, warm=["a"]), job()).next(0, (), ())) == [7]


def test_images_count_as_rows_and_a_smaller_job_takes_the_room_that_a_larger_leaves() -> None:
    waiting = line(Memory(2, warm=["a"]), job(n=2, seed=1), job(n=3, seed=2), job(n=2, seed=3), job(n=9, seed=4))
    assert seeds(waiting.next(0, (), ())) == [1, 3]
    assert seeds(waiting.next(0, (), ())) == [2]
    assert seeds(waiting.next(0, (), ())) == [4]


@pytest.mark.parametrize(
    "other",
    [
        {"width": 72}, {"height": 72}, {"steps": 5}, {"scheduler": "other"}, {"guidance_scale": 1.0}, {"batch": 1},
        {"image": {"job": "0" * 42, "index": 0}},
    ],
)  # fmt: skip
def test_what_cannot_be_one_batch_is_not_put_together(other: dict[str, Any]) -> None:
    assert len(line(Memory(2, warm=["a"]), job(), job(**other)).next(0, (), ())) == 1
    assert len(line(Memory(2, warm=["a"]), job(**other), job()).next(0, (), ())) == 1


def test_prompt_seed_guidance_and_format_may_differ() -> None:
    different = job(prompt="a cup", negative_prompt="blue", seed=9, guidance_scale=7.5, format="webp")
    assert len(line(Memory(2, warm=["a"]), job(), different).next(0, (), ())) == 2


def test_a_class_with_one_guidance_for_all_rows_gets_rows_of_one_guidance() -> None:
    waiting = line(Memory(2, warm=["a"]), job(), job(guidance_scale=7.5), job())
    traits = {
        "task": "text_to_image", "family": "flow", "negative_prompt": False, "guidance": "embedded", "rows": False,
        "long_prompts": False,
    }  # fmt: skip
    flux = Model.model_validate({**model("a").model_dump(), "pipeline": "FluxPipeline", "traits": traits})
    waiting.models = {"a": flux}
    assert len(waiting.next(0, (), ())) == 2


def test_while_a_group_draws_nothing_begins_but_a_load_that_pushes_nobody_out() -> None:
    memory = Memory(2, warm=["a"])
    waiting = line(memory, job("a"), job("b"))
    assert waiting.next(0, {"a"}, {"a"})[0].job.model == "b"
    assert waiting.next(0, {"a", "b"}, {"a", "b"}) == []
    # Nor does a loaded model wait for a load.
    assert waiting.next(0, {"b"}, {"b"})[0].job.model == "a"
    full = line(Memory(1, warm=["a"]), job("b"))
    assert full.next(0, {"a"}, {"a"}) == []


def test_one_load_at_a_time() -> None:
    memory = Memory(3, warm=["a"])
    waiting = line(memory, job("b"), job("c"))
    assert waiting.next(0, (), ())[0].job.model == "b"
    assert waiting.next(0, {"b"}, {"b"}) == []


def test_a_model_in_use_leaves_only_when_patience_is_over_and_then_begins_nothing_new() -> None:
    memory = Memory(1, warm=["a"])
    waiting = line(memory, job("b"))
    for number in range(40):
        waiting.add(Delivery(job("a"), 0, None, float(number)))
    at = PATIENCE_SECONDS - 0.1
    assert {d.job.model for _ in range(6) for d in waiting.next(at, (), ())} == {"a"}
    at = PATIENCE_SECONDS + 0.1
    assert waiting.next(at, {"a"}, {"a"}) == []
    group = waiting.next(at, (), ())
    assert group[0].job.model == "b"
    assert waiting.next(at, {"b"}, {"b"}) == []  # a is still there, and about to leave


def test_a_model_that_came_lately_stays_for_a_while_but_not_for_ever() -> None:
    memory = Memory(1, warm=["a"])
    waiting = line(memory, job("b"), job("a"))
    waiting.waiting.sort(key=lambda delivery: delivery.job.model)
    waiting.waiting.insert(0, waiting.waiting.pop())
    assert waiting.next(PATIENCE_SECONDS + 1, (), ())[0].job.model == "a"
    waiting.add(Delivery(job("a"), 0, None, 1.0))
    assert waiting.next(PATIENCE_SECONDS * PATIENCE_END + 1, (), ())[0].job.model == "b"


def test_a_model_that_nobody_waits_for_leaves_soon_and_one_too_big_is_begun_to_be_told_so() -> None:
    waiting = line(Memory(1, warm=["a"]), job("b"))
    assert waiting.next(0, (), {"a"}) == []
    assert waiting.next(LINGER_SECONDS - 0.1, (), ()) == []
    assert waiting.next(LINGER_SECONDS + 0.1, (), ())[0].job.model == "b"
    assert line(Memory(0), job("b")).next(0, (), ())


def interleaved(count: int, **spec: Any) -> list[tuple[float, Job]]:
    return [(0.0, job("ab"[number % 2], **spec)) for number in range(count)]


def poisson(seed: int, rate: float, count: int, names: str = "ab") -> list[tuple[float, Job]]:
    dice, now, found = random.Random(seed), 0.0, []  # noqa: S311
    for _ in range(count):
        now += dice.expovariate(rate)
        found.append((now, job(dice.choice(names))))
    return found


@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("draw", [0.05, 1.0, 8.0])
@pytest.mark.parametrize("load", [0.5, 5.0, 40.0])
def test_two_models_interleaved_cost_two_loads_where_both_fit_and_few_where_one_does(
    rows: int, draw: float, load: float
) -> None:
    assert World(Memory(2, rows), draw=draw, load=load).run(interleaved(100)).loads == 2
    one = World(Memory(1, rows), draw=draw, load=load).run(interleaved(400))
    assert one.loads * 100 / 400 <= 6, one.loads


@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("load", [0.5, 5.0])
def test_steady_streams_of_two_models_of_which_one_fits_load_at_most_six_times_in_a_hundred_jobs(
    rows: int, load: float
) -> None:
    """At 90 % of what the device can draw. With little to do it is idle, and loads for whoever comes."""
    world = World(Memory(1, rows), load=load).run(poisson(3, 0.9 * rows, 600))
    assert world.loads * 100 / 600 <= 6, world.loads
    assert max(world.waits) < PATIENCE_END * max(PATIENCE_SECONDS, 10 * load)


jobs = st.tuples(
    st.floats(0, 60),
    st.builds(
        job,
        st.sampled_from("abc"),
        n=st.integers(1, 5),
        steps=st.sampled_from([4, 5]),
        width=st.sampled_from([64, 128]),
        batch=st.sampled_from([0, 0, 1]),
    ),
)


@given(
    st.lists(jobs, max_size=60),
    st.integers(1, 3),
    st.integers(1, 4),
    st.floats(0.01, 20),
    st.floats(0.01, 60),
    st.floats(0, 5),
)
def test_whatever_comes_every_job_begins_in_time_and_nothing_breaks_a_cap_or_mixes_kinds(
    arrivals: list[tuple[float, Job]], fit: int, rows: int, draw: float, load: float, store: float
) -> None:
    memory = Memory(fit, rows)
    world = World(memory, ("a", "b", "c"), draw=draw, load=load, store=store).run(arrivals)
    assert sum(map(len, world.groups)) == len(arrivals)
    for group in world.groups:
        first = group[0].job
        rows_drawn = sum(delivery.job.spec.n for delivery in group)
        assert len(group) == 1 or rows_drawn <= memory.cap(first.model, first.spec.width, first.spec.height)
        assert len(group) == 1 or len({world.line.kind(delivery.job) for delivery in group} - {None}) == 1
        assert [d.arrived for d in group] == sorted(d.arrived for d in group)
    # Once its patience is over, what lies before a job is bounded: what was delivered before it, and a turn of each other model.
    patience = PATIENCE_END * max(PATIENCE_SECONDS, 10 * load)
    held = 3 * (rows + 1)
    assert max(world.waits, default=0) <= 3 * (patience + load) + held * draw + store + 1


@given(st.integers(0, 1000), st.integers(1, 4), st.floats(0.2, 5), st.floats(0.5, 20))
def test_a_model_without_rest_starves_no_other(seed: int, rows: int, draw: float, load: float) -> None:
    """One model offers twice what can be drawn; now and then a job of another comes."""
    flood = [(each * draw / rows / 2, job("a")) for each in range(150 * rows)]
    rare = [(each * 20 * draw, job("b")) for each in range(3)]
    world = World(Memory(1, rows), draw=draw, load=load).run([*flood, *rare])
    patience = PATIENCE_END * max(PATIENCE_SECONDS, 10 * load)
    waited = [d.job.model for group in world.groups for d in group]
    assert waited.count("b") == 3
    assert max(world.waits) <= patience + load + (rows + 3) * draw + 3
