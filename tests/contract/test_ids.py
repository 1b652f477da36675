"""The recipe of an id in contract/README.md, followed word by word, agrees with examples/ids.json."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from contract.scripts import CONTRACT

IDS = json.loads((CONTRACT / "examples" / "ids.json").read_text())


def base32hex(data: bytes) -> str:
    return base64.b32hexencode(data).decode().rstrip("=").lower()


def proves(job: str, owner: str) -> bool:
    """Whether one of the known keys signed this id for this owner."""
    if len(job) != 42 or any(letter not in "0123456789abcdefghijklmnopqrstuv" for letter in job):
        return False
    body = (int(job[:29], 32) >> 1).to_bytes(18, "big")
    for key in IDS["keys"]:
        proof = hmac.new(bytes.fromhex(key), body + b"\0" + owner.encode(), hashlib.sha256).digest()[:8]
        if job == base32hex(body) + base32hex(proof):
            return True
    return False


@pytest.mark.parametrize("case", IDS["valid"], ids=lambda case: case["id"])
def test_an_id_proves_its_owner_and_carries_its_times(case: dict[str, Any]) -> None:
    number = int(case["id"][:29], 32) >> 1
    created, seconds = number >> 96, number >> 80 & 0xFFFF
    assert (created, created + seconds * 1000) == (case["created_at"], case["deadline"])
    assert proves(case["id"], case["owner"])


@pytest.mark.parametrize("case", IDS["invalid"], ids=lambda case: case["because"])
def test_a_forged_id_proves_nothing(case: dict[str, Any]) -> None:
    assert not proves(case["id"], case["owner"])


def test_ids_sort_by_time() -> None:
    cases = sorted(IDS["valid"], key=lambda case: (case["created_at"], case["deadline"]))
    assert [case["id"] for case in cases] == sorted(case["id"] for case in cases)
