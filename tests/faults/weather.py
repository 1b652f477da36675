"""What can go wrong, when: a schedule drawn from a seed, and the hand that carries it out.

Each fault begins at its time, lasts a while where it has a duration, and is mended. Many overlap.
"""

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass

from faults.failpoints import KINDS, Failpoints
from system.books import Books
from system.broker import JOBS, Broker
from system.stack import Stack
from system.wait import until

SERVICES = ("rabbitmq", "redis", "s3")
MODELS = ("simulated", "spare")


@dataclass(frozen=True)
class Fault:
    """`at` and `seconds` in s; seconds 0: it strikes and is over."""

    at: float
    kind: str
    target: str
    seconds: float = 0

    def __str__(self) -> str:
        return f"{self.kind} {self.target}" + (f" for {self.seconds:.1f} s" if self.seconds else "")

    def line(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True)
class Climate:
    """How often a kind of fault strikes among the others, what it can hit, and how long it lasts (s, from and to)."""

    weight: float
    targets: str  # a word that `_targets` knows
    seconds: tuple[float, float] = (0, 0)


CLIMATE = {
    "kill engine": Climate(8, "workers"),
    "kill supervisor": Climate(4, "workers"),
    "kill master": Climate(2, "workers"),
    "kill host": Climate(3, "workers"),
    "kill gateway": Climate(7, "gateways"),
    "kill redis": Climate(2, "redis"),
    "kill rabbitmq": Climate(1, "rabbitmq"),
    "freeze": Climate(8, "parts", (0.5, 6)),
    "cut": Climate(12, "services", (0.05, 1.5)),
    "slow": Climate(8, "services", (1, 5)),
    "hole": Climate(6, "services", (1, 8)),
    "reset": Climate(6, "services", (0.2, 2)),
    "half bodies": Climate(4, "s3", (0.5, 3)),
    "failpoint": Climate(34, "points"),
    "flush": Climate(1.5, "redis"),
    "forget scripts": Climate(3, "redis"),
    "kick clients": Climate(3, "redis"),
    "pause": Climate(3, "redis", (0.3, 2)),
    "no memory": Climate(2, "redis", (0.5, 3)),
    "delete queue": Climate(2, "models"),
    "purge queue": Climate(3, "models"),
    "unbind queue": Climate(2, "models"),
    "delete exchange": Climate(1, "rabbitmq"),
    "roll": Climate(4, "halves"),
}
# Losing two parts at once is survived by no promise. With S3 away an end may stand in Redis alone, and what a queue lost is in Redis
# alone until it has been published again; what an emptied Redis lost is in a queue alone until a worker meets it. The forecast keeps such
# faults this far apart, and each waits until what is left is no longer the only copy: other faults may delay that.
QUIET_SECONDS = 6
REPUBLISH_SECONDS = 60
PATIENCE_SECONDS = 120
LOSES_MESSAGES = {"delete queue", "purge queue"}
LOSES_A_COPY = LOSES_MESSAGES | {"flush"}
FLUSH = "if redis.call('ZCARD', 'unsealed') > 0 then return 0 end redis.call('FLUSHALL') return 1"


def forecast(
    seed: int,
    seconds: float,
    count: int,
    stack: Stack,
    failpoints: Failpoints,
    kinds: Collection[str] = tuple(CLIMATE),
) -> list[Fault]:
    """`count` faults over so many seconds; the same arguments give the same list."""
    chance = random.Random(seed)
    targets = _targets(stack, failpoints)
    weights = [CLIMATE[kind].weight for kind in kinds]
    drawn = []
    for at in sorted(chance.uniform(0, seconds) for _ in range(count)):
        kind = chance.choices(list(kinds), weights)[0]
        climate = CLIMATE[kind]
        drawn.append(
            Fault(
                round(at, 2), kind, chance.choice(targets[climate.targets]), round(chance.uniform(*climate.seconds), 2)
            )
        )
    flushes = [fault.at for fault in drawn if fault.kind == "flush"]
    return [_calmed(fault, flushes, chance.choice(stack.workers)) for fault in drawn]


def _targets(stack: Stack, failpoints: Failpoints) -> dict[str, list[str]]:
    gateways = [f"gateway-{index}" for index in range(len(stack.gateways))]
    points = [
        f"{half} {point}:{kind}" for half in ("gateway", "worker") for point in failpoints.of(half) for kind in KINDS
    ]
    return {
        "workers": stack.workers,
        "gateways": gateways,
        "parts": [*gateways, *stack.workers],
        "services": list(SERVICES),
        "models": list(MODELS),
        "points": points,
        "halves": ["gateway", "worker"],
        **{name: [name] for name in SERVICES},
    }


def _calmed(fault: Fault, flushes: list[float], worker: str) -> Fault:
    """Another fault in its place, where it would be a second loss beside a flush of Redis."""
    quiet = REPUBLISH_SECONDS if fault.kind in LOSES_MESSAGES else QUIET_SECONDS
    near = any(fault.at - quiet < flush < fault.at + fault.seconds + quiet for flush in flushes)
    at_s3 = fault.target == "s3" or (fault.kind == "failpoint" and "verdict" in fault.target)
    second = at_s3 or fault.kind in LOSES_MESSAGES
    return Fault(fault.at, "kill engine", worker) if near and second else fault


class Weather:
    """Carries a forecast out on a stack. Each fault has a thread of its own, so that they overlap."""

    def __init__(
        self, stack: Stack, failpoints: Failpoints, told: Callable[[Fault], None],
        pending: Callable[[], Collection[str]] = tuple,
    ) -> None:  # fmt: skip
        """`pending`: the jobs that were accepted and that no client has seen end."""
        self._stack = stack
        self._failpoints = failpoints
        self._told = told
        self._pending = pending
        self._turn = threading.Lock()  # one loss of a copy at a time
        self._lost_messages = 0  # when a queue last lost what it held, ms of Redis' time
        self._books = Books(stack)
        self._broker = Broker(stack.amqp_url)
        self.failed: list[str] = []  # faults that could not be carried out: what they hit was down already

    def run(self, forecast: list[Fault]) -> None:
        """Returns when the last fault is mended."""
        began = time.monotonic()
        threads = []
        for fault in forecast:
            time.sleep(max(0, began + fault.at - time.monotonic()))
            threads.append(threading.Thread(target=self._carry_out, args=(fault,)))
            threads[-1].start()
        for thread in threads:
            thread.join()
        self._failpoints.disarm()
        self._stack.proxy.mend()

    def _carry_out(self, fault: Fault) -> None:
        try:
            if fault.kind in LOSES_A_COPY:
                self._lose_a_copy(fault)
                return
            with self._act(fault):
                self._told(fault)
                time.sleep(fault.seconds)
        except Exception as error:  # whatever it hit was down just then; the others go on
            self.failed.append(f"{fault}: {error!r}"[:200])

    def _lose_a_copy(self, fault: Fault) -> None:
        """Strikes as soon as that takes nobody's last copy; if it would do so for too long, an engine is killed instead."""
        lose = self._flush if fault.kind == "flush" else self._lose_messages
        with self._turn:
            try:
                until(lambda: lose(fault), PATIENCE_SECONDS, f"{fault} takes nobody's last copy", pause=0.2)
            except AssertionError:
                fault = Fault(fault.at, "kill engine", self._stack.workers[0])
                _kill(self._stack, "engine", fault.target)
            self._told(fault)

    def _flush(self, _: Fault) -> bool:
        """All of Redis, unless an end or a message is nowhere else."""
        if not all(self._has_message(job) for job in self._pending()):
            return False
        return bool(self._books.redis.eval(FLUSH, 0))

    def _has_message(self, job: str) -> bool:
        """False while Redis may have the only copy: not claimed since a queue lost what it held, or not yet published."""
        record = self._books.record(job)
        if record.get("state") not in ("submitting", "queued", "running"):
            return True
        if self._books.redis.zscore("outbox", job) is not None:
            return False
        return max(int(record["created_at"]), int(record["fence"])) > self._lost_messages

    def _lose_messages(self, fault: Fault) -> bool:
        """All that a queue holds, unless Redis has no record of a job yet."""
        if not all(self._books.record(job) for job in self._pending()):
            return False
        act = fault.kind.split()[0]
        try:
            getattr(self._broker, act)(f"{JOBS}.{fault.target}")
        finally:
            self._lost_messages = self._books.now()
        return True

    def _act(self, fault: Fault) -> AbstractContextManager[object]:
        proxy, redis, target = self._stack.proxy, self._books.redis, fault.target
        match fault.kind.split():
            case ["kill", who]:
                _kill(self._stack, who, target)
            case ["freeze"]:
                return self._frozen(target)
            case ["cut"]:
                return proxy.away_alone(target)
            case ["slow"]:
                return proxy.toxic(target, "latency", latency=300, jitter=200)
            case ["hole"]:
                return proxy.toxic(target, "timeout", timeout=0)
            case ["reset"]:
                return proxy.toxic(target, "reset_peer", timeout=0)
            case ["half", "bodies"]:
                return proxy.toxic(target, "limit_data", stream="upstream", bytes=1500)
            case ["failpoint"]:
                self._failpoints.arm(*target.split())
            case ["forget", _]:
                redis.script_flush()
            case ["kick", _]:
                redis.client_kill_filter(_type="normal", skipme=True)
            case ["pause"]:
                redis.client_pause(round(fault.seconds * 1000))
            case ["no", _]:
                return self._without_memory()
            case ["delete", "exchange"]:
                self._broker.delete_exchange(JOBS)
            case ["unbind", _]:
                self._broker.unbind(f"{JOBS}.{target}")
            case ["roll"]:
                self._stack.roll(target)
        return nullcontext()

    @contextmanager
    def _frozen(self, part: str) -> Iterator[None]:
        parts = self._stack.freeze(part)
        try:
            yield
        finally:
            self._stack.thaw(parts)

    @contextmanager
    def _without_memory(self) -> Iterator[None]:
        self._books.redis.config_set("maxmemory", "100kb")
        try:
            yield
        finally:
            self._books.redis.config_set("maxmemory", "0")


def _kill(stack: Stack, who: str, part: str) -> None:
    """A part with all it has, or one process of a worker."""
    if who not in ("master", "supervisor", "engine"):
        stack.kill(part)
        return
    parts = stack.parts(part)
    engines = [one for one in parts if "darkroom_worker.tasks" in one.command]
    unit = [one for one in parts if one not in engines]  # gunicorn's master and the supervisor under it
    for one in {"master": unit[:1], "supervisor": unit[1:2], "engine": engines[:1]}[who]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one.pid, signal.SIGKILL)
