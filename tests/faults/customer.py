"""A client in the storm: submits, polls, cancels, fetches, asks again about old jobs and for jobs of others, and writes down every answer."""

import hashlib
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from faults.history import FINAL, LONGEST_ASK, NAMELESS, Books, History
from system.client import Client

RETRY_SECONDS = 0.5
POLL_SECONDS = 0.7
PATIENCE_SECONDS = 240  # for one job to end: a dead host's lease, three times
AUDIT_PAUSE_SECONDS = 0.005  # a gateway lets an owner ask 200 times a second
MODELS = ("simulated",) * 4 + ("spare",)


@dataclass
class Order:
    """One job as its customer knows it; `job` is "" until a submit was answered."""

    key: str
    body: dict[str, Any]
    due: float = 0.0
    job: str = ""
    patience: float = 0.0
    cancel_at: float = float("inf")


@dataclass(eq=False)
class Customer:
    """One owner with a thread of its own and up to `most` open orders. A submit is repeated with its key until an answer stands."""

    number: int
    gateways: list[str]
    history: History
    seed: int
    most: int
    wanted: Callable[[], bool]  # is one more job wanted?
    stuck: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._client = Client(self.gateways, timeout=LONGEST_ASK / 2)
        self._random = random.Random(f"{self.seed}-{self.number}")
        self._count = 0
        self._open: list[Order] = []
        self._accepted: dict[str, str] = {}  # job by key
        self._ended: dict[str, list[dict[str, Any]]] = {}
        self.others: list[Customer] = []

    def arrive(self) -> None:
        """Becomes somebody: without a cookie, a submit whose answer is lost would be a stranger's."""
        self._client.request("GET", "/v1/jobs")
        assert self._client.http.cookies, "no cookie was given"

    def run(self, over: threading.Event) -> None:
        """Orders until `over`; then until all that was accepted has ended."""
        while not over.is_set() or any(order.job for order in self._open):
            if over.is_set():
                self._open = [order for order in self._open if order.job]
            elif len(self._open) < self.most and self.wanted():
                self._open.append(self._order())
            due = [order for order in self._open if order.due <= time.monotonic()]
            for order in due:
                self._tend(order)
            if not due:
                time.sleep(0.05)
            if self._ended and self._random.random() < 0.02:
                self._look_back()

    def audit(self, books: Books) -> list[str]:
        """Asks both gateways for every accepted job by its id, then for the owner's list, and enters what they tell into the books.

        Answers what is wrong with jobs and pictures. The ids come first: after a loss of Redis a list is whole again once each job was read.
        """
        gateways = range(len(self.gateways))
        for key, job in self._accepted.items():
            for gateway in gateways:
                answer = self._ask("audit", "GET", f"/v1/jobs/{job}", key, job, gateway)
                if answer is not None and answer.status_code == 200:
                    books.final[job] = str(answer.json()["status"])
                time.sleep(AUDIT_PAUSE_SECONDS)
        lists = [self._jobs(gateway) for gateway in gateways]
        wrong = [] if all(one == lists[0] for one in lists) else [f"the gateways differ over customer {self.number}"]
        for listed in lists[0]:
            books.listed[listed["metadata"].get("key", NAMELESS)].append(listed["id"])
            books.final[listed["id"]] = str(listed["status"])
            wrong += self._inspect(listed)
        return wrong

    def _inspect(self, job: dict[str, Any]) -> list[str]:
        wrong = []
        if job["attempt"] > job["max_attempts"]:
            wrong.append(f"{job['id']} took {job['attempt']} attempts")
        if (job["error"] or {}).get("code") == "state_lost":
            wrong.append(f"lost: {job['id']} failed because nobody knew it any more")
        for output in job["outputs"]:
            answer = self._client.request("GET", output["url"])
            if answer.status_code != 200 or hashlib.sha256(answer.content).hexdigest() != output["sha256"]:
                wrong.append(f"{output['url']}: {answer.status_code}, or other bytes than its hash")
            time.sleep(AUDIT_PAUSE_SECONDS)
        return wrong

    def _jobs(self, gateway: int) -> list[dict[str, Any]]:
        """All jobs that the owner's list shows."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            query = {"limit": "100"} | ({"cursor": cursor} if cursor else {})
            page = self._client.request("GET", "/v1/jobs", gateway, params=query).json()
            found += page["jobs"]
            cursor = page["next"]
            if not cursor:
                return found

    def _order(self) -> Order:
        self._count += 1
        key = f"c{self.number}-{self._count}"
        slow = self._random.random() < 0.08
        body = {
            "prompt": f"storm {key}",
            "model": self._random.choice(MODELS),
            "steps": self._random.choice((2, 4, 4)),
            "n": self._random.choice((1, 1, 1, 2)),
            "deadline_seconds": PATIENCE_SECONDS - 30,
            "metadata": {"key": key, "step_ms": "300" if slow else "5"},
        }
        return Order(key, body)

    def _tend(self, order: Order) -> None:
        """One request for it, as it stands."""
        now = time.monotonic()
        if not order.job:
            order.due = now + RETRY_SECONDS
            answer = self._ask(
                "submit", "POST", "/v1/jobs", order.key, "", json=order.body, headers={"Idempotency-Key": order.key}
            )
            if answer is not None and answer.status_code in (200, 202):
                order.job, order.due = str(answer.json()["id"]), now + self._random.random()
                self._accepted[order.key] = order.job
                order.patience = now + PATIENCE_SECONDS
                if self._random.random() < 0.12:
                    order.cancel_at = now + self._random.random() * 1.5
            return
        order.due = now + POLL_SECONDS
        act = "cancel" if now > order.cancel_at else "poll"
        path = f"/v1/jobs/{order.job}" + ("/cancel" if act == "cancel" else "")
        answer = self._ask(act, "POST" if act == "cancel" else "GET", path, order.key, order.job)
        if answer is not None and answer.status_code == 200:
            order.cancel_at = float("inf") if act == "cancel" else order.cancel_at
            if answer.json()["status"] in FINAL:
                self._open.remove(order)
                self._ended[order.job] = answer.json()["outputs"]
        elif now > order.patience:
            self._open.remove(order)
            self.stuck.append(order.job)

    def _look_back(self) -> None:
        """Whatever was final once is final still, and nobody else's business."""
        job = self._random.choice(list(self._ended))
        self._ask("poll", "GET", f"/v1/jobs/{job}", "", job)
        for output in self._ended[job][:1]:
            answer = self._ask("image", "GET", output["url"], "", job)
            whole = answer is not None and answer.status_code == 200 and hashlib.sha256(answer.content).hexdigest()
            if whole and whole != output["sha256"]:
                self.history.add(self.number, "altered", "", job, 200)
        foreign = list(self._random.choice(self.others)._ended) if self.others else []
        if foreign:
            self._ask("pry", "GET", f"/v1/jobs/{foreign[-1]}", "", foreign[-1])

    def _ask(
        self, act: str, method: str, path: str, key: str, job: str, gateway: int | None = None, **more: Any
    ) -> httpx.Response | None:
        gateway = self._random.randrange(len(self.gateways)) if gateway is None else gateway
        try:
            answer = self._client.request(method, path, gateway, **more)
        except httpx.TransportError:
            self.history.add(self.number, act, key, job, 0)
            return None
        body = answer.json() if act != "image" and answer.status_code < 300 else {}
        self.history.add(self.number, act, key, job or str(body.get("id", "")), answer.status_code, body)
        return answer
