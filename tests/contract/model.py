"""What the scripts ought to do, in plain Python.

It keeps records alone. Which sets a job stands in, and the ledger, follow from its record (`standing`): that the scripts' own
bookkeeping agrees with this after every step is the point.
"""

from collections import Counter
from dataclasses import dataclass, field

LIVE = {"submitting", "queued", "running"}
TERMINAL = {"succeeded", "failed", "canceled"}
SLOT = 30_000  # ms between two publishes of a job that the janitor thinks lost


@dataclass
class Job:
    """A record. Times in ms."""

    owner: str
    model: str | None
    created_at: int
    deadline: int
    state: str
    revision: int = 0
    max_attempts: int = 2
    attempt: int = 0
    fence: int = 0
    lease_until: int = 0
    not_before: int = 0
    again_at: int = 0
    published_at: int = 0
    told: bool = False
    outbox_at: int | None = None
    unsealed_at: int | None = None
    gc_at: int | None = None
    gone: str | None = None
    listed: bool = True

    def change(self, state: str, now: int) -> None:
        self.state = state
        self.revision = max(self.revision + 1, now)


@dataclass
class Model:
    """Each method is a script: its arguments, its effect, its answer."""

    now: int
    jobs: dict[str, Job] = field(default_factory=dict)
    idem: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)

    def flush(self) -> None:
        self.jobs.clear()
        self.idem.clear()
        self.missing.clear()

    def submit(
        self,
        job: str,
        owner: str,
        idem: str,
        body: str,
        model: str,
        queue_limit: int,
        owner_limit: int,
        created_at: int,
        deadline: int,
    ) -> list[str]:
        if job in self.jobs:
            return ["CREATED", str(self.jobs[job].published_at or self.now)]
        known, known_body = self.idem.get((owner, idem), ("", "")) if idem else ("", "")
        first = self.jobs.get(known)
        if first and first.state not in ("abandoned", "tombstone"):
            if known_body != body:
                return ["CONFLICT", known]
            if first.state != "submitting":
                self._tell(known)
            return ["REPLAY", known, first.state]
        if abs(self.now - created_at) > 2000:
            return ["CLOCK", str(self.now)]
        waiting = sum(other.model == model and other.state in ("submitting", "queued") for other in self.jobs.values())
        if waiting >= queue_limit:
            return ["FULL", str(waiting)]
        mine = sum(other.owner == owner and other.state in LIVE for other in self.jobs.values())
        if owner_limit and mine >= owner_limit:
            return ["QUOTA", str(mine)]
        self.jobs[job] = Job(
            owner, model, created_at, deadline, "submitting", published_at=self.now, outbox_at=self.now
        )
        self.jobs[job].change("submitting", self.now)
        if idem:
            self.idem[owner, idem] = (job, body)
        return ["CREATED", str(self.now)]

    def published(self, job: str, tell: bool) -> list[str]:
        record = self.jobs.get(job)
        if record is None:
            if tell:
                self.missing.add(job)
            return ["MISSING"]
        found = record.state
        if found == "abandoned":
            return [found]
        record.outbox_at = None
        if found == "submitting":
            record.change("queued", self.now)
        if tell:
            self._tell(job)
        return [found]

    def abandon(self, job: str) -> list[str]:
        record = self.jobs.get(job)
        if record is None:
            return ["MISSING"]
        found = record.state
        if found == "submitting":
            record.change("abandoned", self.now)
            record.gc_at = record.deadline
        return [found]

    def claim(self, job: str, lease_ms: int) -> list[str]:
        record = self.jobs.get(job)
        if record is None:
            return ["MISSING"]
        if record.state not in LIVE:
            return ["DROP", record.state]
        if record.state == "running" and record.lease_until > self.now:
            return ["DEFER", "lease", str(record.lease_until - self.now)]
        if record.state == "queued" and record.not_before > self.now:
            return ["DEFER", "not_before", str(record.not_before - self.now)]
        if record.deadline <= self.now:
            return ["LATE"]
        if record.attempt >= record.max_attempts:
            return ["EXHAUSTED"]
        before = "lapsed" if record.state == "running" else "waiting"
        record.attempt += 1
        record.fence = max(record.fence + 1, self.now)
        record.lease_until = self.now + lease_ms
        record.outbox_at = None
        record.change("running", self.now)
        return ["RUN", str(record.fence), str(record.attempt), str(self.now), before]

    def beat(self, job: str, fence: int, lease_ms: int, news: bool) -> list[str]:
        refusal = self._not_mine(job, fence)
        if refusal:
            return refusal
        record = self.jobs[job]
        record.lease_until = self.now + lease_ms
        if news:
            record.change("running", self.now)
        return ["OK"]

    def retry(self, job: str, fence: int, delay_ms: int) -> list[str]:
        refusal = self._not_mine(job, fence)
        if refusal:
            return refusal
        record = self.jobs[job]
        if record.attempt >= record.max_attempts:
            return ["LAST"]
        record.not_before = record.published_at = self.now + delay_ms
        record.lease_until = 0
        record.change("queued", self.now)
        return ["OK", str(record.not_before)]

    def release(self, job: str, fence: int) -> list[str]:
        refusal = self._not_mine(job, fence)
        if refusal:
            return refusal
        record = self.jobs[job]
        record.attempt -= 1
        record.not_before = record.lease_until = 0
        record.change("queued", self.now)
        return ["OK"]

    def restore(
        self, job: str, owner: str, model: str, created_at: int, deadline: int, not_before: int, outbox: bool
    ) -> list[str]:
        if job in self.jobs:
            return ["PRESENT", self.jobs[job].state]
        self.jobs[job] = Job(
            owner,
            model,
            created_at,
            deadline,
            "queued",
            published_at=self.now,
            not_before=not_before,
            outbox_at=self.now if outbox else None,
        )
        self.jobs[job].change("queued", self.now)
        self._tell(job)
        return ["RESTORED"]

    def again(self, job: str) -> list[str]:
        record = self.jobs.get(job)
        if record is None:
            return ["MISSING"]
        waits = record.state == "queued" and record.not_before <= self.now
        dead = record.state == "running" and record.lease_until <= self.now
        if not (waits or dead):
            return [record.state]
        if record.again_at + SLOT > self.now:
            return ["TAKEN"]
        record.again_at = record.published_at = self.now
        return ["OK", str(self.now)]

    def settle(self, job: str, verdict: dict[str, object], unsealed: bool, retention_ms: int) -> str:
        record = self.jobs.get(job)
        if record is None and unsealed:
            return "MISSING"
        state = str(verdict["state"])
        if record and (record.state == "tombstone" or (record.state in TERMINAL and state != "deleted")):
            return "FOUND"
        if state == "deleted":
            self._bury(
                job, str(verdict["owner"]), "deleted", int(str(verdict["created_at"])) + retention_ms + 86_400_000
            )
            return "SETTLED"
        before = record
        record = record or Job(str(verdict["owner"]), None, 0, 0, state)
        self.jobs[job] = record
        record.model = str(verdict["model"]) if "model" in verdict else record.model
        record.created_at, record.deadline = int(str(verdict["created_at"])), int(str(verdict["deadline"]))
        record.attempt = int(str(verdict["attempt"]))
        record.gc_at = int(str(verdict["expires_at"]))
        record.lease_until = record.not_before = 0
        record.outbox_at = None
        if unsealed:
            record.unsealed_at = self.now
        record.change(state, self.now)
        if state == "abandoned":
            record.told = False
            self.missing.discard(job)
        elif before is None:
            self._tell(job)
        return "SETTLED"

    def entomb(self, job: str, gone: str, owner: str, gc_at: int) -> list[str]:
        record = self.jobs.get(job)
        if record is None or record.state != "tombstone":
            self._bury(job, owner, gone, gc_at)
        elif gone == "deleted":
            record.gone, record.listed = gone, False
        return ["TOMB"]

    def standing(self) -> dict[str, dict[str, int]]:
        """Every set (members with score 1) and sorted set that must exist, and the ledger's counters."""
        sets: dict[str, dict[str, int]] = {}

        def put(key: str, job: str, score: int | None) -> None:
            sets.setdefault(key, {})[job] = int(score or 0)

        count: Counter[str] = Counter(accepted=len(self.missing))
        for job, record in self.jobs.items():
            if record.state in ("submitting", "queued"):
                put(f"queued:{record.model}", job, record.created_at)
            if record.state == "running":
                put("lease", job, record.lease_until)
            if record.state in LIVE:
                put("deadline", job, record.deadline)
                put(f"inflight:{record.owner}", job, 1)
                if record.told:
                    put("open", job, 1)
            else:
                put("gc", job, record.gc_at)
            if record.outbox_at is not None and record.state in LIVE:
                put("outbox", job, record.outbox_at)
            if record.unsealed_at is not None:
                put("unsealed", job, record.unsealed_at)
            if record.listed and record.state != "abandoned":
                put(f"owner:{record.owner}", job, record.created_at)
            if record.told:
                count["accepted"] += 1
                if record.state not in LIVE:
                    count["expired" if record.state == "tombstone" else record.state] += 1
        for job in self.missing:
            put("missing", job, 1)
        sets["ledger"] = {word: n for word, n in count.items() if n}
        return sets

    def _not_mine(self, job: str, fence: int) -> list[str] | None:
        record = self.jobs.get(job)
        if record is None:
            return ["MISSING"]
        if record.state not in LIVE:
            return ["ENDED", record.state]
        if record.state != "running" or record.fence != fence:
            return ["STALE"]
        return None

    def _tell(self, job: str) -> None:
        self.jobs[job].told = True
        self.missing.discard(job)

    def _bury(self, job: str, owner: str, gone: str, gc_at: int) -> None:
        old = self.jobs.get(job)
        grave = Job(owner, None, old.created_at if old else 0, 0, "tombstone", gone=gone, gc_at=gc_at)
        grave.listed = bool(old and old.listed and old.state != "abandoned" and gone == "expired")
        grave.revision = old.revision if old else 0
        grave.told = bool(old and old.told) or job in self.missing
        self.missing.discard(job)
        grave.change("tombstone", self.now)
        self.jobs[job] = grave
