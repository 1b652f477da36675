"""Ids, keys, origins and the bare wire: what a stranger may try at the edge."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from system.books import Books
from system.client import Client
from system.keys import keys, new_key
from system.openapi import DOCUMENT
from system.stack import Stack
from system.wait import until

LIMIT = 256 << 10  # bytes of a body


def flip(text: str, position: int) -> str:
    alphabet = "0123456789abcdefghijklmnopqrstuv"
    return text[:position] + alphabet[alphabet.index(text[position]) ^ 2] + text[position + 1 :]


@pytest.mark.parametrize("act", ["GET", "DELETE", "cancel", "images/0", "preview"])
def test_a_foreign_a_forged_and_a_random_id_get_the_same_404(
    act: str, stack_clients: tuple[Client, Client], books: Books
) -> None:
    mine, stranger = stack_clients
    job = mine.accepted()
    mine.succeeded(job)
    stranger.accepted()
    ids = [job, flip(job, 5), flip(job, 20), flip(job, 35), "0" * 42, job[:-1], job + "0", job.upper(), "0" * 4096, "x"]
    bodies = set()
    for one in ids:
        method = act if act.isupper() else ("POST" if act == "cancel" else "GET")
        path = f"/v1/jobs/{one}" + ("" if act.isupper() else f"/{act}")
        answer = stranger.request(method, path)
        assert answer.status_code == 404, one[:50]
        problem = answer.json()
        assert problem.pop("instance")
        bodies.add(repr(sorted(problem.items())))
    assert len(bodies) == 1
    assert mine.job(job)["status"] == "succeeded"


@pytest.mark.parametrize(
    "path", ["/v1/jobs/../../etc/passwd", "/v1/jobs/%2e%2e%2f%2e%2e", "/v1/jobs/%00", "//v1/jobs", "/v1/jobs/a%2Fb"]
)
def test_a_path_that_climbs_leads_nowhere(path: str, stack: Stack) -> None:
    host, port = stack.gateways[0].removeprefix("http://").split(":")
    answer = wire(host, int(port), f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400"))


@pytest.fixture(scope="module")
def key(running_stack: Stack) -> str:
    """An API key made by the operator's command."""
    return new_key(running_stack)


def test_a_key_has_jobs_of_its_own(stack: Stack, key: str) -> None:
    first, again, cookie = Client(stack.gateways, key), Client(stack.gateways, key), Client(stack.gateways)
    job = first.accepted()
    assert again.job(job)["id"] == job
    assert cookie.request("GET", f"/v1/jobs/{job}").status_code == 404
    assert "Set-Cookie" not in first.request("GET", f"/v1/jobs/{job}").headers


@pytest.mark.parametrize("change", ["a letter", "twice", "long", "scheme"])
def test_a_wrong_key_is_401_and_never_falls_back_to_the_cookie(
    change: str, stack: Stack, key: str, client: Client
) -> None:
    job = client.accepted()
    wrong = {
        "a letter": flip(key, len(key) - 2),
        "twice": f"{key}, {key}",
        "long": key * 100,
        "scheme": key,
    }[change]
    scheme = "Basic" if change == "scheme" else "Bearer"
    answer = client.request("GET", f"/v1/jobs/{job}", headers={"Authorization": f"{scheme} {wrong}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_key_is_refused_within_seconds(stack: Stack) -> None:
    fresh = new_key(stack)
    client = Client(stack.gateways, fresh)
    client.accepted()
    keys(stack, "revoke", fresh.split("_")[1])
    until(lambda: client.request("GET", "/v1/jobs").status_code == 401, 20, "it is refused")


def test_a_page_of_another_site_may_not_post(client: Client) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}):
        answer = client.request("POST", "/v1/jobs", json={"prompt": "x"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_origin")


def wire(host: str, port: int, sent: bytes, then: Iterator[bytes] | None = None) -> bytes:
    """What comes back over a bare connection; b"" when it is only closed."""
    with socket.create_connection((host, port), timeout=30) as connection:
        received = b""
        try:
            connection.sendall(sent)
            for piece in then or ():
                connection.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            while piece := connection.recv(65536):
                received += piece
        except ConnectionResetError:
            pass
        return received


def address(stack: Stack) -> tuple[str, int]:
    host, port = stack.gateways[0].removeprefix("http://").split(":")
    return host, int(port)


@contextmanager
def bounded_memory(stack: Stack, limit: int) -> Iterator[None]:
    pid = stack.parts("gateway-0")[0].pid

    def peak() -> int:
        status = Path(f"/proc/{pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) << 10  # type: ignore[index]

    before = peak()
    yield
    assert peak() - before < limit


def test_an_endless_body_is_cut_at_the_limit(stack: Stack) -> None:
    head = b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with bounded_memory(stack, 16 << 20):
        answer = wire(*address(stack), head, (chunk for _ in range(1000)))
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413")


def test_a_body_announced_too_large_is_refused(stack: Stack, client: Client) -> None:
    answer = client.request(
        "POST", "/v1/jobs", content=b" " * (LIMIT + 1), headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"Content-Length: nonsense\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["negative", "two lengths", "nonsense", "bad chunk"],
)
def test_a_wrong_length_is_400(head: bytes, stack: Stack) -> None:
    start = b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
    assert wire(*address(stack), start + head).startswith(b"HTTP/1.1 400")


def test_huge_headers_are_431(stack: Stack) -> None:
    for header in (
        b"X: " + b"x" * (2 << 20),
        b"\r\n".join(b"X-%d: %s" % (number, b"x" * 100) for number in range(20_000)),
    ):
        with bounded_memory(stack, 32 << 20):
            answer = wire(*address(stack), b"GET /v1/models HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n\r\n")
        assert answer == b"" or answer.startswith(b"HTTP/1.1 431")


def test_the_openapi_document_is_served_as_written(stack: Stack) -> None:
    served = httpx.get(f"{stack.gateways[0]}/openapi.json").json()
    assert set(served["paths"]) == set(DOCUMENT["paths"])
    assert served["components"]["schemas"].keys() == DOCUMENT["components"]["schemas"].keys()
