"""What cannot be used is refused with the right 4xx, as a problem that names the field; never a 5xx, and nothing is submitted."""

import json
from typing import Any

import pytest

from system.client import Client
from system.stack import Stack

# Requests that are no JSON of ours.
DOCUMENTS: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"prompt=a+red+mug",
    "NaN": b'{"prompt": "x", "guidance_scale": NaN}',
    "a number beyond a double": b'{"prompt": "x", "guidance_scale": 1e999}',
    "a key twice": b'{"prompt": "x", "prompt": "y"}',
    "ten thousand levels": b'{"prompt": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "a byte order mark": b'\xef\xbb\xbf{"prompt": "x"}',
    "data behind it": b'{"prompt": "x"} {}',
    "a lone surrogate": b'{"prompt": "a \\ud83d b"}',
    "bytes that are not UTF-8": b'{"prompt": "\xff\xfe"}',
    "a list": b"[]",
    "null": b"null",
}

# Field, value, and the path that the problem must name.
VALUES: list[tuple[str, Any]] = [
    ("prompt", None),
    ("prompt", ""),
    ("prompt", 5),
    ("prompt", ["x"]),
    ("prompt", "x" * 10_001),
    ("width", 0),
    ("width", -8),
    ("width", 7),
    ("width", 65),
    ("width", 2**31),
    ("width", 2**63),
    ("width", "64"),
    ("width", True),
    ("width", 64.5),
    ("width", None),
    ("height", 520),
    ("steps", 0),
    ("steps", 10**9),
    ("steps", "20"),
    ("n", 0),
    ("n", 10**6),
    ("seed", -1),
    ("seed", 2**32),
    ("seed", 2**64),
    ("seed", None),
    ("guidance_scale", -1),
    ("guidance_scale", 1e6),
    ("guidance_scale", "5"),
    ("scheduler", "warp"),
    ("format", "gif"),
    ("model", ""),
    ("model", "../etc"),
    ("model", "midjourney"),
    ("preset", "nowhere"),
    ("deadline_seconds", 0),
    ("deadline_seconds", 65_536),
    ("metadata", None),
    ("metadata", []),
    ("unknown_field", 1),
    ("PROMPT", "x"),
    ("stpes", 3),
]

# Prompts that must be kept as the text they are, whatever they look like.
TEXTS = {
    "markup": "<script>alert(1)</script> <img src=x onerror=alert(1)>",
    "templates": "{{7*7}} ${7*7} #{7*7} {} {0} %s %n %(x)s",
    "line ends": "a\r\nSet-Cookie: x=1\r\n\r\nb",
    "right to left": "\u202eزجاجة خضراء בקבוק",  # noqa: RUF001
    "emoji": "🫙 👩‍👩‍👧‍👦 🇫🇷 é",
    "quotes": "'; DROP TABLE jobs; -- \" \\ `id` $(id)",
    "ten thousand characters": "🫙" * 10_000,
}


def post(client: Client, body: bytes, **headers: str) -> Any:
    return client.request("POST", "/v1/jobs", content=body, headers={"Content-Type": "application/json"} | headers)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_body_that_is_no_json_of_ours_is_refused(name: str, client: Client) -> None:
    answer = post(client, DOCUMENTS[name])
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(("field", "value"), VALUES, ids=lambda value: repr(value)[:24])
def test_a_value_that_cannot_be_used_is_refused_by_its_path(field: str, value: Any, client: Client) -> None:
    answer = post(client, json.dumps({"prompt": "x"} | {field: value}).encode())
    assert answer.status_code == 400, answer.text
    assert [error["path"] for error in answer.json()["errors"]] == [f"/{field}"]


def test_a_nested_value_is_refused_by_its_whole_path(client: Client) -> None:
    answer = client.submit(metadata={"order": 5})
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, "/metadata/order")


def test_several_bad_values_are_told_at_once(client: Client) -> None:
    answer = client.submit(width=7, steps=0, format="gif")
    assert {error["path"] for error in answer.json()["errors"]} == {"/width", "/steps", "/format"}


def test_a_request_needs_a_prompt_or_a_product(client: Client) -> None:
    assert post(client, b"{}").status_code == 400
    assert client.submit(product="a red mug").status_code == 400, "not both"


@pytest.mark.parametrize("name", TEXTS)
def test_a_prompt_is_text_and_stays_text(name: str, client: Client) -> None:
    job = client.succeeded(client.accepted(prompt=TEXTS[name]))
    assert (job["input"]["prompt"], job["effective"]["prompt"]) == (TEXTS[name], TEXTS[name])


def test_a_nul_in_a_prompt_is_refused_or_kept(client: Client) -> None:
    answer = client.submit(prompt="a\x00b")
    assert answer.status_code in (202, 400)
    if answer.status_code == 202:
        assert client.succeeded(answer.json()["id"])["input"]["prompt"] == "a\x00b"


def test_a_megabyte_of_prompt_is_too_large(client: Client) -> None:
    answer = client.submit(prompt="x" * (1 << 20))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_another_content_type_is_refused(client: Client) -> None:
    answer = client.request("POST", "/v1/jobs", content=b'{"prompt": "x"}', headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_bad_requests_submit_nothing(client: Client) -> None:
    for body in DOCUMENTS.values():
        post(client, body)
    assert client.request("GET", "/v1/jobs").json()["total"] == 0


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "cursor=%00", "cursor=" + "x" * 5000])
def test_a_bad_page_of_the_list_is_refused(query: str, client: Client) -> None:
    assert client.request("GET", f"/v1/jobs?{query}").status_code == 400


@pytest.mark.parametrize("prefer", ["wait=-1", "wait=x", "wait=1e9", "respond-async", ""])
def test_a_preference_that_cannot_be_honoured_is_ignored(prefer: str, stack: Stack, client: Client) -> None:
    answer = client.request("POST", "/v1/jobs", json={"prompt": "x"}, headers={"Prefer": prefer})
    assert answer.status_code in (200, 202)
