"""The schemas say of every vector what its folder says."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from contract import schemas, strict_json
from contract.scripts import CONTRACT

EXAMPLES = CONTRACT / "examples"


def vectors(folder: str) -> list[Any]:
    files = sorted(EXAMPLES.glob(f"*/{folder}/*.json"))
    return [pytest.param(file, id=f"{file.parent.parent.name}-{file.stem}") for file in files]


def kind(file: Path) -> str:
    return file.parent.parent.name


@pytest.mark.parametrize("name", schemas.KINDS)
def test_the_schema_is_itself_valid(name: str) -> None:
    Draft202012Validator.check_schema(schemas.VALIDATORS[name].schema)


@pytest.mark.parametrize("name", schemas.KINDS)
def test_every_kind_has_vectors_that_pass_and_vectors_that_fail(name: str) -> None:
    for folder in ("valid", "foreign", "invalid"):
        assert list((EXAMPLES / name / folder).glob("*.json")), f"no {folder} vector of {name}"


@pytest.mark.parametrize("file", vectors("valid"))
def test_a_valid_vector_keeps_the_schema(file: Path) -> None:
    assert schemas.complaints(kind(file), strict_json.decode(file.read_bytes())) == []


@pytest.mark.parametrize("file", vectors("foreign"))
def test_a_foreign_vector_breaks_the_schema_by_an_unknown_field_alone(file: Path) -> None:
    assert schemas.keywords(kind(file), strict_json.decode(file.read_bytes())) == {"additionalProperties"}


@pytest.mark.parametrize("file", vectors("later"))
def test_a_later_vector_keeps_what_every_version_keeps(file: Path) -> None:
    message = strict_json.decode(file.read_bytes())
    assert message["version"] > 1
    shared = {key: message[key] for key in ("id", "owner", "model", "created_at", "deadline")}
    assert not [line for line in schemas.complaints("job", shared) if "required" not in line]


@pytest.mark.parametrize("file", vectors("invalid"))
def test_an_invalid_vector_is_refused(file: Path) -> None:
    try:
        message = strict_json.decode(file.read_bytes())
    except ValueError:
        return
    broken = schemas.keywords(kind(file), message)
    assert broken - {"additionalProperties"}, "an unknown field alone makes a vector foreign, not invalid"
