"""Messages and verdicts, against the vectors that the gateway reads too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from darkroom_worker.messages import (
    Failure,
    Garbage,
    Image,
    Job,
    Spec,
    Timings,
    Verdict,
    decode,
    decode_envelope,
    id_times,
    version_of,
)

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")

CONTRACT = Path(__file__).resolve().parents[2] / "contract"
VECTORS = CONTRACT / "examples"
BODIES = [path.read_bytes() for path in sorted((VECTORS / "job").glob("*/*.json")) if path.stat().st_size < 4096]
TOKENS = [
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b"NaN",
    b"[[",
    b"{}",
    b'"\\ud800"',
    b'"',
    b"9" * 400,
    b"\xff",
    b"\xef\xbb\xbf",
]
PLAIN = (VECTORS / "job" / "valid" / "plain.json").read_bytes()


def _vectors(kind: str) -> list[Any]:
    return [pytest.param(path.read_bytes(), id=path.stem) for path in sorted((VECTORS / kind).glob("*.json"))]


def _schema(name: str) -> Draft202012Validator:
    documents = [json.loads((CONTRACT / f"{part}.schema.json").read_text()) for part in ("job", "verdict")]
    registry: Registry[Any] = Registry().with_resources(
        (item["$id"], Resource.from_contents(item)) for item in documents
    )
    return Draft202012Validator(json.loads((CONTRACT / f"{name}.schema.json").read_text()), registry=registry)


@pytest.mark.parametrize("body", _vectors("job/valid") + _vectors("job/foreign") + _vectors("released/*/job"))
def test_a_valid_job_is_read_and_unknown_fields_are_ignored(body: bytes) -> None:
    assert decode(body).id == json.loads(body)["id"]


@pytest.mark.parametrize("body", _vectors("job/invalid"))
def test_an_invalid_job_is_garbage_with_a_reason(body: bytes) -> None:
    with pytest.raises(Garbage, match=r"."):
        decode(body)


@pytest.mark.parametrize("body", _vectors("job/later"))
def test_a_later_version_is_known_as_one(body: bytes) -> None:
    assert (version_of(None, body) or 0) > 1


def test_the_header_tells_the_version_before_the_body_does() -> None:
    assert version_of(3, PLAIN) == 3
    assert version_of(True, PLAIN) == 1
    assert version_of(None, b"\x00") is None


@pytest.mark.parametrize("vector", json.loads((VECTORS / "ids.json").read_text())["valid"])
def test_an_id_tells_its_times(vector: dict[str, Any]) -> None:
    assert id_times(vector["id"]) == (vector["created_at"], vector["deadline"])


@given(st.binary())
def test_any_bytes_are_a_job_or_garbage(body: bytes) -> None:
    with pytest.raises(Garbage):
        decode(body)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A message of the treaty's, good or bad, with a few bytes taken out, put in or doubled."""
    body = draw(st.sampled_from(BODIES))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        end = draw(st.integers(start, min(len(body), start + 40)))
        put = draw(st.binary(max_size=8) | st.just(body[start:end] * 2) | st.sampled_from(TOKENS))
        body = body[:start] + put + body[end:]
    return body


@given(damaged())
def test_a_damaged_message_is_a_job_or_garbage_and_tells_a_version_or_none(body: bytes) -> None:
    version = version_of(None, body)
    assert version is None or type(version) is int
    for read in (decode_envelope, decode):
        try:
            read(body)
        except Garbage as error:
            assert str(error)


@given(st.data())
def test_a_job_with_any_value_in_any_place_is_read_or_garbage(data: st.DataObject) -> None:
    document = json.loads(PLAIN)
    inner = data.draw(st.sampled_from([document, document["spec"]]))
    values: st.SearchStrategy[Any] = (
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()) | st.just({})
    )
    inner[data.draw(st.sampled_from(sorted(inner)))] = data.draw(values)
    try:
        job = decode(json.dumps(document).encode())
    except Garbage:
        return
    assert _schema("job").is_valid(job.model_dump())


@given(
    st.builds(
        Spec, prompt=st.text(min_size=1), negative_prompt=st.text(), width=st.integers(8, 16384), steps=st.integers(1, 1000),
        height=st.integers(8, 16384), guidance_scale=st.floats(0, 100), scheduler=st.text(min_size=1, max_size=64),
        seed=st.integers(0, 2**32 - 1), n=st.integers(1, 64), format=st.sampled_from(["png", "webp", "jpeg"]),
    ),
    st.dictionaries(st.text(), st.none() | st.integers() | st.text()),
)  # fmt: skip
def test_every_verdict_is_one_by_the_schema(spec: Spec, given_input: dict[str, Any]) -> None:
    job = decode(PLAIN)
    common: dict[str, Any] = {
        "id": job.id, "owner": job.owner, "model": job.model, "task": job.task, "spec": spec, "input": given_input,
        "warnings": job.warnings, "metadata": job.metadata, "seed_drawn": True, "created_at": 1, "completed_at": 3,
        "deadline": 2, "expires_at": 4, "attempt": 1, "max_attempts": 3, "started_at": 2, "worker": "w",
    }  # fmt: skip
    image = Image(
        index=0, key=f"results/{job.id}/17-00c0ffee/0.png", content_type="image/png", width=8, height=8, size_bytes=1,
        sha256="0" * 64, seed=7,
    )  # fmt: skip
    won = Verdict(state="succeeded", images=[image], timings=Timings(work_ms=1), **common)
    lost = Verdict(
        state="failed", error=Failure(code="poison", message="It died.", retryable=False, step=1, steps=2), **common
    )
    for verdict in (won, lost):
        document = json.loads(verdict.encode())
        _schema("verdict").validate(document)
        assert document["input"] == given_input


def test_a_record_is_restored_from_the_message_as_it_was_submitted() -> None:
    job = decode(PLAIN)
    fields = json.loads(job.fields())
    assert set(map(type, fields.values())) == {str}
    again = Job.model_validate(
        {
            **json.loads(PLAIN),
            **{key: json.loads(fields[key]) for key in ("spec", "input", "warnings", "metadata", "max_attempts")},
        }
    )
    assert again == job
    assert "traceparent" not in fields
    assert "traceparent" not in job.fields("of no form")
    parent = "00-" + "1a" * 16 + "-" + "2b" * 8 + "-01"
    assert json.loads(job.fields(parent)) == fields | {"traceparent": parent}
