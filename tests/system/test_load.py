"""Five hundred jobs from fifty clients: each ends once, as succeeded, and nothing is unaccounted for."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from system.books import Books
from system.client import FINAL, Client
from system.stack import Stack

CLIENTS, JOBS_EACH = 50, 10


@dataclass
class Session:
    """What one client saw."""

    ended: dict[str, str] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)


def one_client(stack: Stack, number: int) -> Session:
    client, session = Client(stack.gateways), Session()
    for count in range(JOBS_EACH):
        gateway = (number + count) % 2
        answer = client.submit(gateway=gateway, seed=number * 100 + count, key=f"{number}-{count}")
        session.statuses[answer.status_code] += 1
        job = answer.json()["id"]
        while True:
            answer = client.request("GET", f"/v1/jobs/{job}", gateway)
            session.statuses[answer.status_code] += 1
            if answer.json()["status"] in FINAL:
                break
            time.sleep(int(answer.headers["Retry-After"]) / 4)
        session.ended[job] = answer.json()["status"]
        for output in answer.json()["outputs"]:
            client.picture(output, gateway)
    return session


@pytest.mark.timeout(240)
def test_five_hundred_jobs_of_fifty_clients_each_end_once(stack: Stack, books: Books) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        sessions = list(pool.map(lambda number: one_client(stack, number), range(CLIENTS)))
    ended = {job: status for session in sessions for job, status in session.ended.items()}
    statuses = sum((session.statuses for session in sessions), Counter[int]())
    assert len(ended) == CLIENTS * JOBS_EACH
    assert Counter(ended.values()) == {"succeeded": CLIENTS * JOBS_EACH}
    assert set(statuses) == {200, 202}, statuses
    assert books.unaccounted() == 0
    for job in ended:
        assert len(books.objects(job)) == 2, "one picture and the verdict"
