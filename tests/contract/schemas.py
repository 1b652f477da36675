"""The contract's JSON Schemas, ready to validate. An integer is one that was written as one: 512.0 is not."""

import json
from collections.abc import Iterable
from typing import Any

from jsonschema import Draft202012Validator, ValidationError, validators
from referencing import Registry, Resource

from contract.scripts import CONTRACT

KINDS = ("job", "record", "verdict")

_schemas = {kind: json.loads((CONTRACT / f"{kind}.schema.json").read_text()) for kind in KINDS}
_registry: Registry[Any] = Registry().with_resources(
    (schema["$id"], Resource.from_contents(schema)) for schema in _schemas.values()
)
_written_as_integer = Draft202012Validator.TYPE_CHECKER.redefine(
    "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
)
_Strict = validators.extend(Draft202012Validator, type_checker=_written_as_integer)

VALIDATORS = {kind: _Strict(schema, registry=_registry) for kind, schema in _schemas.items()}


def complaints(kind: str, message: object) -> list[str]:
    return [f"{error.json_path}: {error.message[:200]}" for error in VALIDATORS[kind].iter_errors(message)]


def keywords(kind: str, message: object) -> set[str]:
    """Which rules of the schema a message breaks, looking into nested schemas too."""
    return {str(error.validator) for error in _leaves(VALIDATORS[kind].iter_errors(message))}


def _leaves(errors: Iterable[ValidationError]) -> Iterable[ValidationError]:
    for error in errors:
        if error.context:
            yield from _leaves(error.context)
        else:
            yield error
