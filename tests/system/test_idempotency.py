"""A key makes a submit safe to repeat."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from system.client import Client


def test_fifty_at_once_with_one_key_and_body_make_one_job(client: Client) -> None:
    client.accepted()  # for a cookie that they all share
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda n: client.submit(key="press", gateway=n % 2, seed=1), range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    client.succeeded(answers[0].json()["id"])
    assert client.request("GET", "/v1/jobs").json()["total"] == 2


def test_a_replay_of_a_finished_job_answers_its_result(client: Client) -> None:
    job = client.accepted(key="once", seed=1)
    client.succeeded(job)
    replay = client.submit(key="once", seed=1)
    assert replay.headers["Idempotency-Replayed"] == "true"
    assert (replay.json()["id"], replay.json()["status"]) == (job, "succeeded")


def test_another_body_with_the_same_key_is_a_conflict(client: Client) -> None:
    client.accepted(key="press", seed=1)
    answer = client.submit(key="press", seed=2)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_conflict")


def test_the_same_key_of_another_owner_is_another_job(stack_clients: tuple[Client, Client]) -> None:
    first, second = stack_clients
    assert first.accepted(key="press") != second.accepted(key="press")


@pytest.mark.parametrize(
    "key", ["x" * 300, "", "two words", "naïve"], ids=["300 characters", "empty", "a space", "not ASCII"]
)
def test_a_key_that_is_no_key_is_refused(client: Client, key: str) -> None:
    answer = client.request("POST", "/v1/jobs", json={"prompt": "x"}, headers={"Idempotency-Key": key.encode()})
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, "Idempotency-Key")
