"""`darkroom retry`: the same request again, as a new job of the same owner. An end that was told is never changed."""

from __future__ import annotations

import json
from typing import Any

from darkroom_cli import ids
from darkroom_cli.broker import Broker
from darkroom_cli.job import JobId
from darkroom_cli.ledger import LIVE, Ledger, Record
from darkroom_cli.screen import AsJson, say, show_json
from darkroom_cli.settings import Settings
from darkroom_cli.store import Store
from darkroom_cli.trouble import Away, NotFound, Refused

# An operator may go past admission, not past what the queue itself takes.
QUEUE_LIMIT = 10_000
CLOCK_TRIES = 3
_OWN = ("model", "task", "spec", "input", "warnings", "metadata", "seed_drawn", "max_attempts")


def retry(job_id: JobId, as_json: AsJson = False) -> None:
    """Send a failed or canceled job again, as a new job of the same owner with the same settings and seed."""
    ids.checked(job_id)
    settings = Settings()
    ledger = Ledger(settings)
    job, owner = _what_it_was(ledger, Store(settings), job_id)
    created, deadline = ids.times(job_id)
    message = _submit(ledger, settings["GATEWAY_ID_KEYS"], owner, job, (deadline - created) // 1000)
    _publish(ledger, Broker(settings), message)
    if as_json:
        show_json({"id": message["id"], "again": job_id})
    else:
        print(message["id"])


def _what_it_was(ledger: Ledger, store: Store, job_id: str) -> tuple[dict[str, Any], str]:
    """The job's own fields and its owner, from its verdict. Raises Refused unless it ended without pictures."""
    record = ledger.record(job_id)
    state = record.get("state")
    if state in LIVE:
        raise Refused(f"{job_id} is {state}: it has not ended yet")
    verdict = json.loads(record["verdict"]) if "verdict" in record else store.verdict(job_id)
    if verdict is None:
        raise NotFound(f"nothing is known of {job_id}: no record, no verdict")
    if verdict["state"] not in ("failed", "canceled"):
        raise Refused(f"{job_id} is {verdict['state']}: only a failed or a canceled job is sent again")
    if "spec" not in verdict:
        raise Refused(f"{job_id} was known by its id alone when it ended: what was asked for is lost")
    return {name: verdict[name] for name in _OWN}, str(verdict["owner"])


def _submit(ledger: Ledger, keys: str, owner: str, job: dict[str, Any], seconds: int) -> dict[str, Any]:
    """Makes the record; the answer is the message that belongs to it."""
    spec = {key: value for key, value in job["spec"].items() if key != "batch" or value == 1}
    for _ in range(CLOCK_TRIES):
        now = ledger.now()
        job_id = ids.mint(keys, owner, now, seconds)
        times = {"created_at": now, "deadline": now + seconds * 1000}
        message = {"version": 1, "id": job_id, "owner": owner, **job, "spec": spec, **times}
        answer = ledger.run(
            "submit", job_id, owner, "", "", job["model"], QUEUE_LIMIT, 0, json.dumps(_fields(message)), *times.values()
        )
        if answer[0] == "CREATED":
            return message | {"published_at": int(answer[1])}
        if answer[0] != "CLOCK":
            raise Refused(f"the line of {job['model']} is full: {answer[1]} jobs wait")
    raise Away("the clock of Redis keeps jumping: look at the clock of its host")


def _fields(message: dict[str, Any]) -> Record:
    """The job's own fields of the record, as `submit` takes them."""
    texts = {name: json.dumps(message[name], ensure_ascii=False) for name in ("spec", "input", "warnings", "metadata")}
    numbers = {name: str(message[name]) for name in ("version", "max_attempts")}
    return {"task": message["task"], "seed_drawn": "1" if message["seed_drawn"] else "0", **texts, **numbers}


def _publish(ledger: Ledger, broker: Broker, message: dict[str, Any]) -> None:
    """What cannot be published now stays in the outbox, from which any gateway publishes it."""
    published_at = message.pop("published_at")
    body = json.dumps(message, ensure_ascii=False).encode()
    try:
        with broker.channel() as channel:
            channel.confirm_delivery()
            broker.publish(channel, message["model"], body, broker.properties(message, published_at))
    except Away as away:
        say(f"note: {away}. The job is kept: a gateway publishes it as soon as the broker takes it")
        return
    ledger.run("published", message["id"], 1)
