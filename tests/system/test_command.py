"""The operator's command, against the whole system: it says what is, and what it does holds."""

import os
import subprocess
from itertools import groupby
from pathlib import Path

from contract import schemas
from system.books import Books
from system.broker import DEAD, Broker
from system.client import Client, lasting
from system.command import Command
from system.stack import Stack
from system.test_losses import occupy
from system.wait import until


def what_happened(darkroom: Command, job: str) -> list[str]:
    return [entry["what"] for entry in darkroom("job", job, "--json").json["story"]]


def test_the_command_that_make_up_leaves_knows_its_stack(stack: Stack) -> None:
    bare = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        [stack.folder / "bin" / "darkroom", "status"], env=bare, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "gateway: ready" in done.stdout
    assert all(worker.replace("worker", "unit") in done.stdout for worker in stack.workers)


def test_draw_writes_pictures_and_says_where(darkroom: Command, tmp_path: Path) -> None:
    one = darkroom("draw", "a red mug", "--seed", "7", "--model", "simulated", "-o", str(tmp_path))
    assert (one.status, one.out.strip()) == (0, str(tmp_path / "a-red-mug-7.png")), one.err
    options = ("--steps", "3", "--size", "128x128", "-n", "2", "--format", "webp", "-o", str(tmp_path / "mug.webp"))
    two = darkroom("draw", "a red mug", "--json", *options).json
    assert two["files"] == [str(tmp_path / "mug-0.webp"), str(tmp_path / "mug-1.webp")]
    assert (two["job"]["effective"]["steps"], two["job"]["effective"]["width"]) == (3, 128)
    piped = darkroom("draw", "a red mug", "--seed", "7", "-o", "-")
    assert piped.out.encode("utf-8", "surrogateescape").startswith(b"\x89PNG")


def test_draw_tells_a_refusal_and_a_failure_apart(darkroom: Command, tmp_path: Path) -> None:
    refused = darkroom("draw", "a red mug", "--steps", "0", "-o", str(tmp_path))
    assert refused.status == 5
    assert "/steps" in refused.err
    late = darkroom("draw", "a red mug", "--model", "nobody", "-o", str(tmp_path))
    assert late.status == 5
    away = darkroom("draw", "a red mug", DARKROOM_URL="http://127.0.0.1:9")
    assert away.status == 3
    assert "DARKROOM_URL" in away.err
    assert list(tmp_path.iterdir()) == []


def test_jobs_are_listed_newest_first_and_by_what_they_are(darkroom: Command, client: Client) -> None:
    done = client.accepted()
    client.succeeded(done)
    running = client.accepted(**lasting(20))
    client.running(running)
    listed = [row["id"] for row in darkroom("jobs", "--json").json]
    assert listed[:2] == [running, done]
    assert [row["id"] for row in darkroom("jobs", "--state", "running", "--json").json] == [running]
    assert done in darkroom("jobs", "--limit", "2").out
    assert darkroom("jobs", "--state", "lost").status == 2
    assert darkroom("cancel", running, "--json").json == [{"id": running, "state": "canceled"}]


def test_a_job_tells_its_whole_story(darkroom: Command, client: Client, books: Books, broker: Broker) -> None:
    message = books.message(books.owner(client.accepted()), books.now(), fault="segv@2", fault_times="1", step_ms="900")
    broker.publish_job(message)
    job = message["id"]
    client.running(job)
    broker.publish_job(message)  # comes while it is drawn
    until(lambda: any("another has it" in what for what in what_happened(darkroom, job)), 10, "the copy was delivered")
    live = darkroom("job", job, "--json").json
    assert live["record"]["worker"] in live["held_by"]
    assert "step" in live["now"]
    client.succeeded(job)
    broker.publish_job(message)  # comes when it is over
    until(lambda: what_happened(darkroom, job)[-1] == "delivered: it has ended: dropped", 10, "that copy was delivered")

    told = [what for what in what_happened(darkroom, job) if what not in ("loading_model", "decoding", "uploading")]
    # The copy that was told to come again comes too: before or after the last one.
    assert [what for what, _ in groupby(told)] == [
        "submitted",
        "delivered: Redis has no record of it",
        "in line",
        "attempt 1 begins",
        "denoising",
        "delivered: another has it, or its time has not come: comes again later",
        "attempt 1 was given up: waits for another try",
        "attempt 2 begins",
        "denoising",
        "verdict: succeeded, 1 picture",
        "succeeded in the ledger",
        "delivered: it has ended: dropped",
    ]
    shown = darkroom("job", job).out
    assert all(picture in shown for picture in books.objects(job))


def test_what_nobody_knows_is_not_found(darkroom: Command, client: Client, books: Books) -> None:
    unknown = books.mint(books.owner(client.accepted()), books.now(), 60)
    for answer in (
        darkroom("job", unknown),
        darkroom("cancel", unknown),
        darkroom("retry", unknown),
        darkroom("job", "x"),
    ):
        assert answer.status == 4, answer.err


def test_a_cancel_by_the_operator_is_an_end_like_any_other(
    stack: Stack, darkroom: Command, client: Client, books: Books
) -> None:
    busy = occupy(client, stack, 20)
    waiting = client.accepted()
    assert darkroom("cancel", waiting, *busy).status == 0
    for job in (waiting, *busy):
        seen = client.job(job)
        assert (seen["status"], seen["error"]["message"]) == ("canceled", "Canceled by the operator.")
        verdict = books.verdict(job)
        assert schemas.complaints("verdict", verdict) == []
    done = client.accepted()
    client.succeeded(done)
    assert darkroom("cancel", done, "--json").json == [{"id": done, "state": "succeeded"}]


def test_a_cancel_while_s3_is_away_is_sealed_later(
    stack: Stack, darkroom: Command, client: Client, books: Books
) -> None:
    busy = occupy(client, stack, 20)
    waiting = client.accepted()
    with stack.proxy.away("s3"):
        assert darkroom("cancel", waiting, "--json").json == [{"id": waiting, "state": "canceled"}]
    until(lambda: (books.verdict(waiting) or {}).get("state") == "canceled", 30, "a gateway seals it")
    darkroom("cancel", *busy)


def test_retry_is_a_new_job_of_the_same_owner(darkroom: Command, client: Client, books: Books) -> None:
    job = client.accepted(seed=11, metadata={"order": "4711", "fault": "meteor@2"})
    assert client.ended(job)["status"] == "failed"
    again = darkroom("retry", job)
    assert again.status == 0, again.err
    seen = client.ended(again.out.strip())  # its owner sees it
    assert (seen["input"], seen["effective"]["seed"]) == (client.job(job)["input"], 11)
    assert client.job(job)["status"] == "failed", "the end that was told stays"
    done = client.accepted()
    client.succeeded(done)
    assert darkroom("retry", done).status == 5


def test_a_retry_while_the_broker_is_away_is_published_later(stack: Stack, darkroom: Command, client: Client) -> None:
    job = client.accepted(**lasting(20))
    darkroom("cancel", job)
    with stack.proxy.away("rabbitmq"):
        again = darkroom("retry", job, "--json").json["id"]
    client.running(again, 60)
    darkroom("cancel", again)


def test_dead_letters_are_listed_sent_again_and_dropped(
    stack: Stack, darkroom: Command, client: Client, books: Books, broker: Broker
) -> None:
    owner = books.owner(client.accepted())
    stack.stop("gateway")  # they would read the letters at once
    try:
        message = books.message(owner, books.now())
        broker.publish_job(message, exchange=DEAD)
        broker.publish(b"{}", "simulated", DEAD, headers={"reason": "garbage: no id"})
        until(lambda: broker.depth(DEAD) == 2, 10, "both lie there")
        letters = darkroom("dead", "list", "--json").json
        assert {(letter["id"], letter["reason"]) for letter in letters} == {
            (message["id"], "nobody said"),
            (letters[1]["id"], "garbage: no id"),
        }
        until(lambda: broker.depth(DEAD) == 2, 10, "looking takes nothing away")
        garbage = next(letter["id"] for letter in letters if letter["reason"] == "garbage: no id")
        assert darkroom("dead", "replay", garbage).status == 5
        assert darkroom("dead", "replay", "nobody").status == 4
        assert darkroom("dead", "drop").status == 2
        assert darkroom("dead", "replay", message["id"]).status == 0
        until(lambda: broker.depth(DEAD) == 1, 10, "it has left")
        until(lambda: (books.verdict(message["id"]) or {}).get("state") == "succeeded", 20, "it is drawn")
        assert darkroom("dead", "drop", "--all").status == 0
        until(lambda: broker.depth(DEAD) == 0, 10, "nothing is left")
    finally:
        stack.start("gateway")
        stack.until_ready()
    client.succeeded(message["id"])


def test_a_key_works_until_it_is_revoked(darkroom: Command, tmp_path: Path) -> None:
    made = darkroom("keys", "add", "Ann of the print shop", "--json").json
    picture = ("draw", "a red mug", "-o", str(tmp_path / "mug.png"))
    until(lambda: darkroom(*picture, DARKROOM_API_KEY=made["key"]).status == 0, 10, "it is known")
    assert {"id": made["id"], "name": "Ann of the print shop"}.items() <= darkroom("keys", "list", "--json").json[
        -1
    ].items()
    assert darkroom("keys", "revoke", made["id"]).status == 0
    until(lambda: darkroom(*picture, DARKROOM_API_KEY=made["key"]).status == 5, 5, "it is refused")
    assert darkroom("keys", "revoke", made["id"]).status == 1


def test_a_drained_worker_finishes_and_takes_nothing_new(
    stack: Stack, darkroom: Command, client: Client, books: Books
) -> None:
    jobs = occupy(client, stack, 3)
    worker = client.job(jobs[0])["worker"]
    drained = darkroom("drain", worker)
    assert drained.status == 0, drained.err
    assert "it can be stopped" in drained.err
    assert {client.succeeded(job)["attempt"] for job in jobs} == {1}
    later = {client.succeeded(client.accepted())["worker"] for _ in range(6)}
    assert worker not in later
    beat = next(beat for beat in darkroom("status", "--json").json["workers"] if beat["name"] == worker)
    assert (beat["state"], beat["asked_to_drain"]) == ("drained", True)
    assert darkroom("drain", worker, "--undo").status == 0
    until(lambda: client.succeeded(client.accepted())["worker"] == worker, 20, "it works again")
    assert darkroom("drain", "nobody").status == 4


def test_trouble_of_a_dependency_is_one_line_that_names_the_key(darkroom: Command) -> None:
    for key, value in {"REDIS_URL": "redis://127.0.0.1:9/0", "RABBITMQ_URL": "amqp://a:b@127.0.0.1:9/"}.items():
        answer = darkroom("dead", "list", **{key: value}) if key == "RABBITMQ_URL" else darkroom("jobs", **{key: value})
        assert answer.status == 3
        assert key in answer.err
        assert answer.err.count("\n") == 1
    bad = darkroom("jobs", REDIS_URL="127.0.0.1")
    assert (bad.status, "redis:// or rediss:// URL" in bad.err) == (2, True)
