"""Each answer of each script, one sentence a test."""

import json
from typing import Any

import pytest

from contract import schemas
from contract.messages import MODELS, OWNERS, RETENTION, fields, job_id, verdict
from contract.scripts import START, Scripts

ANN, BOB = OWNERS
MODEL = MODELS[0]
JOB, OTHER = job_id(1), job_id(2)
DEADLINE = START + 600_000
LEASE = 30_000


def submit(ledger: Scripts, job: str = JOB, **change: Any) -> list[str]:
    call = {
        "owner": ANN,
        "idem": "",
        "body": "b",
        "model": MODEL,
        "queue_limit": 200,
        "owner_limit": 0,
        "fields": fields(),
    }
    call |= {"created_at": ledger.now, "deadline": DEADLINE} | change
    return ledger.run("submit", job, *call.values())


def queue(ledger: Scripts, job: str = JOB, **change: Any) -> None:
    assert submit(ledger, job, **change)[0] == "CREATED"
    assert ledger.run("published", job, 1) == ["submitting"]


def claim(
    ledger: Scripts, job: str = JOB, model: str = MODEL, published_at: int = START, worker: str = "gpu-0"
) -> list[str]:
    return ledger.run("claim", job, model, worker, published_at, LEASE)


def run(ledger: Scripts, job: str = JOB) -> str:
    """Claims the job and answers the fence."""
    answer = claim(ledger, job)
    assert answer[0] == "RUN"
    return answer[1]


def restore(ledger: Scripts, job: str = JOB, not_before: int = 0, outbox: int = 0) -> list[str]:
    return ledger.run("restore", job, ANN, MODEL, fields(), START, DEADLINE, not_before, outbox)


def settle(ledger: Scripts, state: str, job: str = JOB, unsealed: int = 0, model: str | None = MODEL) -> list[str]:
    end = verdict(job, state, ANN, model, START, DEADLINE, ledger.now)
    assert schemas.complaints("verdict", end) == []
    return ledger.run("settle", job, json.dumps(end), unsealed, RETENTION)


def retry(ledger: Scripts, fence: str, delay: int = 5000) -> list[str]:
    return ledger.run("retry", JOB, fence, delay, '{"code":"engine_error","message":"The engine died."}')


def beat(ledger: Scripts, fence: str, step: int = 1, preview: str = "") -> list[str]:
    return ledger.run("beat", JOB, fence, LEASE, "denoising", step, 20, preview)


def state(ledger: Scripts, job: str = JOB) -> str | None:
    return ledger.record(job).get("state")


def book(ledger: Scripts) -> dict[str, int]:
    counts = {word: int(n) for word, n in ledger.redis.hgetall("ledger").items()}
    return {word: n for word, n in counts.items() if n} | {
        "open": ledger.redis.scard("open"),
        "missing": ledger.redis.scard("missing"),
    }


# submit


def test_submit_creates_a_record_that_waits_to_be_published(ledger: Scripts) -> None:
    assert submit(ledger) == ["CREATED", str(START)]
    record = ledger.record(JOB)
    assert (record["state"], record["published_at"], record["spec"]) == (
        "submitting",
        str(START),
        json.loads(fields())["spec"],
    )
    assert schemas.complaints("record", record) == []
    assert ledger.redis.zscore("outbox", JOB) == START


def test_submit_repeated_after_a_lost_reply_answers_as_the_first_time(ledger: Scripts) -> None:
    submit(ledger)
    ledger.now += 4000
    assert submit(ledger, created_at=START) == ["CREATED", str(START)]
    assert ledger.redis.zcard(f"queued:{MODEL}") == 1


def test_submit_with_a_known_key_and_body_replays_the_first_job(ledger: Scripts) -> None:
    queue(ledger, idem="key")
    assert submit(ledger, OTHER, idem="key") == ["REPLAY", JOB, "queued"]
    assert state(ledger, OTHER) is None


def test_submit_with_a_known_key_and_another_body_conflicts(ledger: Scripts) -> None:
    queue(ledger, idem="key")
    assert submit(ledger, OTHER, idem="key", body="other") == ["CONFLICT", JOB]


def test_one_owners_key_means_nothing_to_another(ledger: Scripts) -> None:
    queue(ledger, idem="key")
    assert submit(ledger, OTHER, owner=BOB, idem="key")[0] == "CREATED"


def test_the_replay_of_a_job_whose_first_client_died_counts_it_as_accepted(ledger: Scripts) -> None:
    submit(ledger, idem="key")
    assert submit(ledger, OTHER, idem="key") == ["REPLAY", JOB, "submitting"]
    assert book(ledger) == {"open": 0, "missing": 0}
    ledger.run("published", JOB, 0)
    submit(ledger, OTHER, idem="key")
    assert book(ledger) == {"accepted": 1, "open": 1, "missing": 0}


@pytest.mark.parametrize("how", ["abandoned", "tombstone", "gone"])
def test_a_key_is_free_again_when_its_job_is_out_of_the_way(ledger: Scripts, how: str) -> None:
    submit(ledger, idem="key")
    if how == "abandoned":
        ledger.run("abandon", JOB)
    elif how == "tombstone":
        ledger.run("entomb", JOB, "deleted", ANN, START + RETENTION)
    else:
        ledger.redis.delete(f"job:{JOB}")
    assert submit(ledger, OTHER, idem="key", body="other")[0] == "CREATED"
    assert submit(ledger, job_id(3), idem="key", body="other") == ["REPLAY", OTHER, "submitting"]


def test_a_key_is_kept_for_a_day(ledger: Scripts) -> None:
    submit(ledger, idem="key")
    assert ledger.redis.ttl(f"idem:{ANN}:key") == 86_400


def test_submit_refuses_when_the_models_queue_is_full(ledger: Scripts) -> None:
    queue(ledger)
    assert submit(ledger, OTHER, queue_limit=1) == ["FULL", "1"]
    assert submit(ledger, OTHER, queue_limit=1, model=MODELS[1])[0] == "CREATED"


def test_a_refused_submit_writes_nothing(ledger: Scripts) -> None:
    queue(ledger)
    before = sorted(ledger.redis.keys("*"))
    submit(ledger, OTHER, queue_limit=1, idem="key")
    assert sorted(ledger.redis.keys("*")) == before


def test_a_full_queue_still_answers_a_replay(ledger: Scripts) -> None:
    queue(ledger, idem="key")
    assert submit(ledger, OTHER, idem="key", queue_limit=1)[0] == "REPLAY"


def test_submit_refuses_an_owner_with_too_many_jobs_in_flight(ledger: Scripts) -> None:
    queue(ledger)
    run(ledger)
    assert submit(ledger, OTHER, owner_limit=1) == ["QUOTA", "1"]
    assert submit(ledger, OTHER, owner=BOB, owner_limit=1)[0] == "CREATED"


@pytest.mark.parametrize("skew", [-2001, 2001])
def test_submit_tells_a_gateway_whose_clock_is_off(ledger: Scripts, skew: int) -> None:
    assert submit(ledger, created_at=START + skew) == ["CLOCK", str(START)]
    assert submit(ledger, created_at=START + skew // abs(skew) * 2000)[0] == "CREATED"


# published, abandon


def test_published_moves_a_submitted_job_to_the_queue(ledger: Scripts) -> None:
    submit(ledger)
    assert ledger.run("published", JOB, 1) == ["submitting"]
    assert state(ledger) == "queued"
    assert not ledger.redis.exists("outbox")


def test_published_leaves_a_faster_worker_alone(ledger: Scripts) -> None:
    submit(ledger)
    fence = run(ledger)
    assert ledger.run("published", JOB, 1) == ["running"]
    assert beat(ledger, fence) == ["OK"]


def test_published_counts_a_job_once(ledger: Scripts) -> None:
    queue(ledger)
    ledger.run("published", JOB, 1)
    assert book(ledger) == {"accepted": 1, "open": 1, "missing": 0}


def test_published_by_the_janitor_counts_nothing(ledger: Scripts) -> None:
    submit(ledger)
    ledger.run("published", JOB, 0)
    assert book(ledger) == {"open": 0, "missing": 0}


def test_published_on_an_abandoned_job_says_so_and_changes_nothing(ledger: Scripts) -> None:
    submit(ledger)
    ledger.run("abandon", JOB)
    assert ledger.run("published", JOB, 1) == ["abandoned"]
    assert (state(ledger), book(ledger)) == ("abandoned", {"open": 0, "missing": 0})


def test_published_on_a_missing_record_is_counted_until_somebody_rebuilds_it(ledger: Scripts) -> None:
    assert ledger.run("published", JOB, 1) == ["MISSING"]
    assert book(ledger) == {"accepted": 1, "open": 0, "missing": 1}
    restore(ledger)
    assert book(ledger) == {"accepted": 1, "open": 1, "missing": 0}


def test_abandon_frees_a_submitted_job_from_every_set_but_gc(ledger: Scripts) -> None:
    submit(ledger)
    assert ledger.run("abandon", JOB) == ["submitting"]
    assert state(ledger) == "abandoned"
    assert {key for key in ledger.redis.keys("*") if ledger.redis.type(key) == "zset"} == {"gc"}
    assert not ledger.redis.exists(f"inflight:{ANN}")


def test_abandon_tells_who_was_faster(ledger: Scripts) -> None:
    queue(ledger)
    assert ledger.run("abandon", JOB) == ["queued"]
    fence = run(ledger)
    assert ledger.run("abandon", JOB) == ["running"]
    assert beat(ledger, fence) == ["OK"]
    settle(ledger, "canceled")
    assert ledger.run("abandon", JOB) == ["canceled"]
    assert ledger.run("abandon", OTHER) == ["MISSING"]


# claim


def test_claim_runs_a_queued_job_and_raises_its_attempt_first(ledger: Scripts) -> None:
    queue(ledger)
    assert claim(ledger) == ["RUN", str(START), "1", str(START), "waiting"]
    record = ledger.record(JOB)
    assert (record["attempt"], record["worker"], record["lease_until"]) == ("1", "gpu-0", str(START + LEASE))
    assert schemas.complaints("record", record) == []


def test_claim_runs_a_job_that_is_still_submitting(ledger: Scripts) -> None:
    submit(ledger)
    assert claim(ledger)[0] == "RUN"
    assert not ledger.redis.exists("outbox")


def test_claim_of_an_unknown_job_is_missing(ledger: Scripts) -> None:
    assert claim(ledger) == ["MISSING"]


@pytest.mark.parametrize("end", ["succeeded", "failed", "canceled", "abandoned", "deleted"])
def test_claim_drops_what_has_ended(ledger: Scripts, end: str) -> None:
    queue(ledger)
    settle(ledger, end)
    assert claim(ledger) == ["DROP", "tombstone" if end == "deleted" else end]


def test_claim_defers_to_a_live_lease_even_my_own(ledger: Scripts) -> None:
    queue(ledger)
    run(ledger)
    ledger.now += 29_999
    assert claim(ledger) == ["DEFER", "lease", "1"]


def test_claim_takes_over_a_dead_lease_with_a_higher_fence(ledger: Scripts) -> None:
    queue(ledger)
    first = run(ledger)
    ledger.now += LEASE
    answer = claim(ledger, worker="gpu-1")
    assert (answer[0], answer[2], answer[4]) == ("RUN", "2", "lapsed")
    assert int(answer[1]) > int(first)


def test_claim_defers_a_retry_until_its_time(ledger: Scripts) -> None:
    queue(ledger)
    retry(ledger, run(ledger))
    ledger.now += 4000
    assert claim(ledger) == ["DEFER", "not_before", "1000"]
    ledger.now += 1000
    assert claim(ledger)[0] == "RUN"


def test_claim_is_late_at_the_deadline(ledger: Scripts) -> None:
    queue(ledger)
    ledger.now = DEADLINE
    assert claim(ledger) == ["LATE"]


def test_claim_is_exhausted_after_the_last_attempt_and_says_why(ledger: Scripts) -> None:
    queue(ledger, fields=fields(max_attempts=1))
    fence = run(ledger)
    retry(ledger, fence)
    ledger.now += LEASE
    assert claim(ledger) == ["EXHAUSTED", '{"code":"engine_error","message":"The engine died."}']
    assert ledger.record(JOB)["attempt"] == "1"


def test_claim_is_exhausted_without_a_reason_when_only_leases_died(ledger: Scripts) -> None:
    queue(ledger, fields=fields(max_attempts=1))
    run(ledger)
    ledger.now += LEASE
    assert claim(ledger) == ["EXHAUSTED", "{}"]


def test_a_job_claimed_from_the_wrong_queue_leaves_its_own_queue(ledger: Scripts) -> None:
    queue(ledger)
    assert claim(ledger, model=MODELS[1])[0] == "RUN"
    assert not ledger.redis.exists(f"queued:{MODEL}")


def test_fences_grow_across_a_flush(ledger: Scripts) -> None:
    queue(ledger)
    first = run(ledger)
    ledger.redis.flushall()
    ledger.now += 1
    restore(ledger)
    assert int(run(ledger)) > int(first)


def test_claims_keep_a_high_mark_of_what_was_claimed_when(ledger: Scripts) -> None:
    claim(ledger, published_at=START - 500)
    claim(ledger, published_at=START - 900)
    bucket = str(START // 5000)
    assert ledger.redis.hgetall(f"mark:{MODEL}") == {bucket: str(START - 500), "old": "0"}
    ledger.now += 46_000
    claim(ledger, published_at=START + 100)
    assert ledger.redis.hgetall(f"mark:{MODEL}") == {str(ledger.now // 5000): str(START + 100), "old": str(START - 500)}


def test_a_stamp_from_the_future_cannot_make_every_job_look_overtaken(ledger: Scripts) -> None:
    claim(ledger, published_at=9_000_000_000_000_000)
    assert ledger.redis.hget(f"mark:{MODEL}", str(START // 5000)) == str(START)


# beat


def test_a_beat_renews_the_lease_and_carries_progress(ledger: Scripts) -> None:
    queue(ledger)
    fence = run(ledger)
    ledger.now += 5000
    assert beat(ledger, fence, step=7, preview="3") == ["OK"]
    record = ledger.record(JOB)
    assert (record["stage"], record["step"], record["steps"], record["preview"]) == ("denoising", "7", "20", "3")
    assert ledger.redis.zscore("lease", JOB) == ledger.now + LEASE


def test_a_beat_without_news_keeps_the_revision(ledger: Scripts) -> None:
    queue(ledger)
    fence = run(ledger)
    beat(ledger, fence, preview="3")
    before = ledger.record(JOB)["revision"]
    ledger.now += 5000
    beat(ledger, fence, preview="3")
    beat(ledger, fence, preview="")
    assert ledger.record(JOB)["revision"] == before
    beat(ledger, fence, preview="4")
    assert int(ledger.record(JOB)["revision"]) > int(before)


def test_a_beat_revives_a_dead_lease(ledger: Scripts) -> None:
    queue(ledger)
    fence = run(ledger)
    ledger.now += 2 * LEASE
    assert beat(ledger, fence) == ["OK"]
    assert claim(ledger)[0] == "DEFER"


def test_a_beat_after_a_takeover_is_stale(ledger: Scripts) -> None:
    queue(ledger)
    zombie = run(ledger)
    ledger.now += LEASE
    run(ledger)
    assert beat(ledger, zombie) == ["STALE"]


def test_a_beat_of_a_job_that_waits_again_is_stale(ledger: Scripts) -> None:
    queue(ledger)
    fence = run(ledger)
    retry(ledger, fence)
    assert beat(ledger, fence) == ["STALE"]


def test_a_beat_learns_that_the_job_was_canceled_or_lost(ledger: Scripts) -> None:
    assert beat(ledger, "1") == ["MISSING"]
    queue(ledger)
    fence = run(ledger)
    settle(ledger, "canceled")
    assert beat(ledger, fence) == ["ENDED", "canceled"]


# retry, release


def test_retry_puts_the_job_back_with_its_place_and_a_delay(ledger: Scripts) -> None:
    queue(ledger)
    ledger.now += 700
    assert retry(ledger, run(ledger)) == ["OK", str(START + 5700)]
    record = ledger.record(JOB)
    assert (record["state"], record["stage"], record["attempt"], record["published_at"]) == (
        "queued",
        "retry_wait",
        "1",
        str(START + 5700),
    )
    assert ledger.redis.zscore(f"queued:{MODEL}", JOB) == START
    assert schemas.complaints("record", record) == []


def test_retry_on_the_last_attempt_keeps_the_lease_for_the_verdict(ledger: Scripts) -> None:
    queue(ledger, fields=fields(max_attempts=1))
    assert retry(ledger, run(ledger)) == ["LAST"]
    assert state(ledger) == "running"


def test_release_gives_the_attempt_back_and_the_place(ledger: Scripts) -> None:
    queue(ledger)
    ledger.now += 700
    assert ledger.run("release", JOB, run(ledger)) == ["OK"]
    record = ledger.record(JOB)
    assert (record["state"], record["stage"], record["attempt"]) == ("queued", "waiting", "0")
    assert ledger.redis.zscore(f"queued:{MODEL}", JOB) == START
    assert claim(ledger)[0] == "RUN"


@pytest.mark.parametrize("script", ["retry", "release"])
def test_only_who_holds_the_fence_gives_a_job_back(ledger: Scripts, script: str) -> None:
    rest = (5000, "{}") if script == "retry" else ()
    assert ledger.run(script, JOB, "1", *rest) == ["MISSING"]
    queue(ledger)
    assert ledger.run(script, JOB, "0", *rest) == ["STALE"]
    zombie = run(ledger)
    ledger.now += LEASE
    run(ledger)
    assert ledger.run(script, JOB, zombie, *rest) == ["STALE"]
    settle(ledger, "succeeded")
    assert ledger.run(script, JOB, zombie, *rest) == ["ENDED", "succeeded"]


# restore, again


def test_restore_rebuilds_a_lost_record_with_its_times(ledger: Scripts) -> None:
    ledger.now += 90_000
    assert restore(ledger) == ["RESTORED"]
    record = ledger.record(JOB)
    assert (record["state"], record["attempt"], record["created_at"], record["deadline"]) == (
        "queued",
        "0",
        str(START),
        str(DEADLINE),
    )
    assert schemas.complaints("record", record) == []
    assert claim(ledger)[0] == "RUN"


def test_restore_leaves_a_record_alone(ledger: Scripts) -> None:
    queue(ledger)
    run(ledger)
    assert restore(ledger) == ["PRESENT", "running"]
    ledger.run("entomb", JOB, "deleted", ANN, START + RETENTION)
    assert restore(ledger) == ["PRESENT", "tombstone"]


def test_restore_can_ask_to_be_published(ledger: Scripts) -> None:
    restore(ledger, outbox=1)
    assert ledger.redis.zscore("outbox", JOB) == START


def test_restore_keeps_a_retry_waiting(ledger: Scripts) -> None:
    restore(ledger, not_before=START + 7000)
    assert claim(ledger) == ["DEFER", "not_before", "7000"]


def test_again_takes_the_slot_and_renews_the_stamp(ledger: Scripts) -> None:
    queue(ledger)
    ledger.now += 60_000
    assert ledger.run("again", JOB) == ["OK", str(ledger.now)]
    assert ledger.record(JOB)["published_at"] == str(ledger.now)
    ledger.now += 29_999
    assert ledger.run("again", JOB) == ["TAKEN"]
    ledger.now += 1
    assert ledger.run("again", JOB)[0] == "OK"


def test_again_does_not_publish_what_is_not_lost(ledger: Scripts) -> None:
    assert ledger.run("again", JOB) == ["MISSING"]
    submit(ledger)
    assert ledger.run("again", JOB) == ["submitting"]
    fence = run(ledger)
    assert ledger.run("again", JOB) == ["running"]
    retry(ledger, fence)
    assert ledger.run("again", JOB) == ["queued"]
    settle(ledger, "succeeded")
    assert ledger.run("again", JOB) == ["succeeded"]


def test_again_publishes_a_job_whose_worker_died(ledger: Scripts) -> None:
    queue(ledger)
    run(ledger)
    ledger.now += LEASE
    assert ledger.run("again", JOB)[0] == "OK"


# settle


@pytest.mark.parametrize("end", ["succeeded", "failed", "canceled"])
def test_settle_ends_a_job_once(ledger: Scripts, end: str) -> None:
    queue(ledger)
    run(ledger)
    answer = settle(ledger, end)
    record = dict(zip(answer[1::2], answer[2::2], strict=True))
    assert (answer[0], record["state"]) == ("SETTLED", end)
    assert schemas.complaints("record", record) == []
    assert settle(ledger, "failed" if end != "failed" else "succeeded")[0] == "FOUND"
    assert state(ledger) == end
    assert book(ledger) == {"accepted": 1, end: 1, "open": 0, "missing": 0}


def test_settle_keeps_no_second_copy_of_the_prompt(ledger: Scripts) -> None:
    queue(ledger)
    settle(ledger, "succeeded")
    assert not {"spec", "input", "warnings", "metadata"} & set(ledger.record(JOB))


def test_settle_rebuilds_a_lost_record_from_the_verdict_and_counts_it(ledger: Scripts) -> None:
    assert settle(ledger, "succeeded")[0] == "SETTLED"
    assert (state(ledger), ledger.redis.zscore(f"owner:{ANN}", JOB)) == ("succeeded", START)
    assert book(ledger) == {"accepted": 1, "succeeded": 1, "open": 0, "missing": 0}


@pytest.mark.parametrize("end", ["failed", "canceled"])
def test_settle_takes_the_verdict_of_a_job_known_by_its_id_alone(ledger: Scripts, end: str) -> None:
    assert settle(ledger, end, model=None)[0] == "SETTLED"
    assert schemas.complaints("record", ledger.record(JOB)) == []
    assert claim(ledger) == ["DROP", end]


def test_a_verdict_known_by_its_id_alone_leaves_a_found_record_its_prompt(ledger: Scripts) -> None:
    queue(ledger)
    settle(ledger, "canceled", model=None)
    assert "spec" in ledger.record(JOB)
    assert not ledger.redis.exists(f"queued:{MODEL}")


def test_settle_without_s3_decides_only_where_there_is_a_record(ledger: Scripts) -> None:
    assert settle(ledger, "canceled", unsealed=1) == ["MISSING"]
    queue(ledger)
    assert settle(ledger, "canceled", unsealed=1)[0] == "SETTLED"
    assert ledger.redis.zscore("unsealed", JOB) == START


def test_settle_tells_who_was_first(ledger: Scripts) -> None:
    queue(ledger)
    settle(ledger, "canceled", unsealed=1)
    answer = settle(ledger, "succeeded")
    assert (answer[0], dict(zip(answer[1::2], answer[2::2], strict=True))["state"]) == ("FOUND", "canceled")


def test_settle_ends_an_abandoned_job_that_a_worker_finished_first(ledger: Scripts) -> None:
    submit(ledger)
    ledger.run("abandon", JOB)
    assert settle(ledger, "succeeded")[0] == "SETTLED"
    ledger.run("published", JOB, 1)
    assert book(ledger) == {"accepted": 1, "succeeded": 1, "open": 0, "missing": 0}
    assert ledger.redis.zscore(f"owner:{ANN}", JOB) == START


def test_a_refused_job_that_a_flush_brought_back_is_not_counted_as_accepted(ledger: Scripts) -> None:
    restore(ledger)
    settle(ledger, "abandoned")
    assert (state(ledger), book(ledger)) == ("abandoned", {"open": 0, "missing": 0})


def test_a_deleted_verdict_settles_to_a_tombstone(ledger: Scripts) -> None:
    queue(ledger)
    settle(ledger, "succeeded")
    settle(ledger, "deleted")
    record = ledger.record(JOB)
    assert (record["state"], record["gone"]) == ("tombstone", "deleted")
    assert schemas.complaints("record", record) == []
    assert not ledger.redis.exists(f"owner:{ANN}")
    assert ledger.redis.zscore("gc", JOB) == START + RETENTION + 86_400_000
    assert settle(ledger, "succeeded")[0] == "FOUND"


def test_settle_keeps_a_moving_average_of_a_pictures_time(ledger: Scripts) -> None:
    for number in range(40):
        settle(ledger, "succeeded", job=job_id(100 + number))
    pace = ledger.redis.hgetall(f"pace:{MODEL}")
    assert (pace["n"], pace["ms"], pace["wait_ms"]) == ("40", "3200", "5000")
    assert [ledger.redis.hgetall(key) for key in ledger.redis.keys("made:*")] == [{"studio-0": "40"}]


# entomb


def test_entomb_leaves_nothing_of_a_live_job_but_a_tombstone(ledger: Scripts) -> None:
    queue(ledger)
    fence = run(ledger)
    assert ledger.run("entomb", JOB, "deleted", ANN, START + RETENTION) == ["TOMB"]
    assert set(ledger.redis.keys("*")) == {f"job:{JOB}", "gc", "ledger", "events", f"mark:{MODEL}"}
    assert book(ledger) == {"accepted": 1, "expired": 1, "open": 0, "missing": 0}
    assert beat(ledger, fence) == ["ENDED", "tombstone"]


def test_entomb_makes_a_tombstone_where_there_was_no_record(ledger: Scripts) -> None:
    assert ledger.run("entomb", JOB, "expired", ANN, START + RETENTION) == ["TOMB"]
    assert schemas.complaints("record", ledger.record(JOB)) == []
    assert settle(ledger, "succeeded")[0] == "FOUND"
    assert book(ledger) == {"open": 0, "missing": 0}


def test_an_expired_job_stays_in_the_list_until_its_owner_deletes_it(ledger: Scripts) -> None:
    queue(ledger)
    settle(ledger, "succeeded")
    ledger.run("entomb", JOB, "expired", ANN, START + RETENTION)
    assert ledger.redis.zscore(f"owner:{ANN}", JOB) == START
    ledger.run("entomb", JOB, "deleted", ANN, START + RETENTION)
    assert not ledger.redis.exists(f"owner:{ANN}")


def test_entomb_ends_an_unsealed_job(ledger: Scripts) -> None:
    queue(ledger)
    settle(ledger, "canceled", unsealed=1)
    ledger.run("entomb", JOB, "deleted", ANN, START + RETENTION)
    assert not ledger.redis.exists("unsealed")


# all


def test_every_visible_change_is_an_event_with_a_growing_revision(ledger: Scripts) -> None:
    queue(ledger)
    retry(ledger, run(ledger))
    settle(ledger, "canceled")
    ledger.run("entomb", JOB, "deleted", ANN, START + RETENTION)
    events = [event for _, event in ledger.redis.xrange("events")]
    assert [event["state"] for event in events] == [
        "submitting",
        "queued",
        "running",
        "queued",
        "canceled",
        "tombstone",
    ]
    revisions = [int(event["revision"]) for event in events]
    assert revisions == sorted(set(revisions))


def test_text_survives_the_way_through_lua(ledger: Scripts) -> None:
    prompt = '🦜 בקבוק ירוק \u0000 \\ " </script> 一'
    spec = json.dumps({"prompt": prompt})
    submit(ledger, fields=json.dumps(json.loads(fields()) | {"spec": spec}))
    assert json.loads(ledger.record(JOB)["spec"])["prompt"] == prompt


def test_a_delivery_that_leads_to_no_run_is_an_event_too(ledger: Scripts) -> None:
    claim(ledger)
    queue(ledger)
    run(ledger)
    claim(ledger, worker="gpu-1")
    settle(ledger, "canceled")
    claim(ledger, worker="gpu-1")
    events = [event for _, event in ledger.redis.xrange("events")]
    deliveries = [(event["delivery"], event["state"], event["to"]) for event in events if "delivery" in event]
    assert deliveries == [("MISSING", "missing", "gpu-0"), ("DEFER", "running", "gpu-1"), ("DROP", "canceled", "gpu-1")]
    assert [event["attempt"] for event in events if event["state"] == "running"] == ["1", "1"]
