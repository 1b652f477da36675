"""Is an answer one that contract/openapi.yaml allows?"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import yaml
from jsonschema import Draft202012Validator, FormatChecker

DOCUMENT = yaml.safe_load((Path(__file__).resolve().parents[2] / "contract" / "openapi.yaml").read_text())
ROUTES = [(re.compile("^" + re.sub(r"\{\w+\}", "[^/]+", route) + "$"), route) for route in DOCUMENT["paths"]]


def check(response: httpx.Response) -> None:
    """Raises AssertionError unless route, status, content type, headers and body are as documented; other routes pass."""
    request = response.request
    operation = _operation(request.method, request.url.path)
    if operation is None:
        return
    where = f"{request.method} {request.url.path} -> {response.status_code}"
    documented = operation["responses"].get(str(response.status_code))
    assert documented, f"{where}: this status is not documented; {response.text[:300]}"
    documented = _resolve(documented)
    assert response.headers.get("X-Request-Id") or "X-Request-Id" not in documented.get("headers", {}), (
        f"{where}: no X-Request-Id"
    )
    if "content" not in documented:
        assert not response.content, f"{where}: a body that is not documented"
        return
    kind = response.headers.get("Content-Type", "").split(";")[0]
    assert kind in documented["content"], f"{where}: {kind} is not documented"
    if kind.endswith("json"):
        schema = documented["content"][kind].get("schema", {})
        errors = [
            f"{error.json_path}: {error.message[:200]}"
            for error in _validator(repr(schema)).iter_errors(response.json())
        ]
        assert not errors, f"{where}: {errors}"
    if kind == "application/problem+json":
        assert response.json()["status"] == response.status_code, where


def _operation(method: str, path: str) -> dict[str, Any] | None:
    for pattern, route in ROUTES:
        if pattern.match(path):
            operation: dict[str, Any] | None = DOCUMENT["paths"][route].get(method.lower())
            return operation
    return None


def _resolve(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        found: Any = DOCUMENT
        for name in node["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        node = found
    return node


@cache
def _validator(schema: str) -> Draft202012Validator:
    """One for each schema, given by its text: validators are slow to make."""
    document = {"components": {"schemas": DOCUMENT["components"]["schemas"]}, "allOf": [yaml.safe_load(schema)]}
    return Draft202012Validator(document, format_checker=FormatChecker())
