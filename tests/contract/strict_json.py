"""JSON as every decoder of the contract reads it: what JSON Schema cannot say is said here."""

import json
from typing import Any


def decode(body: bytes) -> Any:
    """Raises ValueError for bad UTF-8, a byte order mark, a key that stands twice, NaN, a number beyond a double, or a lone surrogate."""
    value = json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse, parse_float=_finite)
    json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is beyond a double")
    return number
