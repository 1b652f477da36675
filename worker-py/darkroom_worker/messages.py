"""What travels: the job in a message and the verdict that ends it, as contract/job.schema.json and verdict.schema.json say."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

VERSION = 1
TRACEPARENT_PATTERN = "00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"
ID_PATTERN = "^[0-9a-v]{28}[02468acegikmoqsu][0-9a-v]{12}[02468acegikmoqsu]$"

M = TypeVar("M", bound=BaseModel)
Milliseconds = Annotated[int, Field(ge=1, le=2**53 - 1)]


class Garbage(Exception):
    """A message that no version of Darkroom can have sent; the text says why."""


class _Message(BaseModel):
    # A consumer ignores fields that it does not know.
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)


def _given(value: object) -> object:
    """What is not known is absent, never null."""
    if value is None:
        raise ValueError("must not be null")
    return value


class Source(_Message):
    """A finished picture of the same owner, as input."""

    job: str = Field(pattern=ID_PATTERN)
    index: int = Field(ge=0, le=63)


class Spec(_Message):
    """What runs: every setting decided. Image i of n uses seed + i."""

    prompt: str = Field(min_length=1, max_length=10_000)
    negative_prompt: str = Field(max_length=10_000)
    width: int = Field(ge=8, le=16_384)  # pixels
    height: int = Field(ge=8, le=16_384)  # pixels
    steps: int = Field(ge=1, le=1000)
    guidance_scale: float = Field(ge=0, le=100)
    scheduler: str = Field(min_length=1, max_length=64)
    seed: int = Field(ge=0, le=2**32 - 1)
    n: int = Field(ge=1, le=64)
    format: Literal["png", "webp", "jpeg"]
    # Images denoised together: of a job 1, or 0 for as many as suits; of a verdict what really was.
    batch: int = Field(default=0, ge=0, le=64, exclude_if=lambda batch: batch == 0)
    image: Annotated[Source | None, BeforeValidator(_given)] = Field(
        default=None, exclude_if=lambda image: image is None
    )


class Job(_Message):
    """One request, one id, one terminal state: the body of a message."""

    version: int = Field(ge=VERSION, le=VERSION)
    id: str = Field(pattern=ID_PATTERN)
    owner: str = Field(pattern="^[0-9a-f]{32}$")
    model: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    task: str = Field(pattern="^[a-z][a-z0-9_]{0,31}$")
    spec: Spec
    input: dict[str, Any]
    warnings: list[Annotated[str, Field(min_length=1)]]
    metadata: dict[str, str]
    seed_drawn: bool
    created_at: Milliseconds
    deadline: Milliseconds
    max_attempts: int = Field(ge=1, le=10)

    def fields(self, traceparent: str = "") -> str:
        """The flat JSON object of strings that `restore` writes into a record. traceparent: the message's, empty for none."""
        trace = {"traceparent": traceparent} if re.fullmatch(TRACEPARENT_PATTERN, traceparent) else {}
        return json.dumps(
            trace
            | {
                "task": self.task,
                "version": str(self.version),
                "spec": self.spec.model_dump_json(),
                "input": json.dumps(self.input),
                "warnings": json.dumps(self.warnings),
                "metadata": json.dumps(self.metadata),
                "seed_drawn": "1" if self.seed_drawn else "0",
                "max_attempts": str(self.max_attempts),
            }
        )


class Envelope(_Message):
    """What every version of a message says, at the same place: enough to end a job that cannot be read."""

    id: str = Field(pattern=ID_PATTERN)
    owner: str = Field(pattern="^[0-9a-f]{32}$")
    created_at: Milliseconds
    deadline: Milliseconds


class Failure(_Message):
    """Why a job failed: a stable code, a sentence a person can act on, and whether the same request may succeed later."""

    code: str
    message: str
    retryable: bool
    step: int | None = None
    steps: int | None = None


class Image(_Message):
    """One stored picture."""

    index: int
    key: str
    content_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str
    seed: int


class Timings(_Message):
    """Milliseconds. work_ms: claim to verdict; total_ms: submit to verdict."""

    queue_ms: int | None = None
    load_ms: int | None = None
    denoise_ms: int | None = None
    decode_ms: int | None = None
    upload_ms: int | None = None
    work_ms: int | None = None
    total_ms: int | None = None


class Verdict(_Message):
    """How a job ended. It is complete: a lost record is rebuilt from it."""

    version: Literal[1] = 1
    id: str
    state: Literal["succeeded", "failed"]
    owner: str
    model: str | None = None
    task: str | None = None
    spec: Spec | None = None
    input: dict[str, Any] | None = None
    warnings: list[str] | None = None
    metadata: dict[str, str] | None = None
    seed_drawn: bool | None = None
    error: Failure | None = None
    images: list[Image] | None = None
    created_at: int
    started_at: int | None = None
    completed_at: int
    deadline: int
    expires_at: int
    attempt: int
    max_attempts: int | None = None
    worker: str | None = None
    timings: Timings | None = None
    step: int | None = None
    steps: int | None = None

    def encode(self) -> bytes:
        """A field that is not known is absent, never null; what the client sent is kept as it was, null or not."""
        body = self.model_dump(exclude_none=True, exclude={"input"})
        if self.input is not None:
            body["input"] = self.input
        return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def decode(body: bytes) -> Job:
    """Reads a message's body. Raises Garbage with the first thing that is wrong."""
    job = _validate(Job, body)
    if id_times(job.id)[0] != job.created_at:
        raise Garbage("/created_at: differs from the time in the id")
    return job


def decode_envelope(body: bytes) -> Envelope:
    """Reads what a message of any version says. Raises Garbage."""
    return _validate(Envelope, body)


def _validate(kind: type[M], body: bytes) -> M:
    try:
        document = json.loads(body.decode(), object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
        json.dumps(document, ensure_ascii=False).encode()  # a lone surrogate decodes, and then nothing can store it
    except (ValueError, RecursionError) as error:
        raise Garbage(f"not JSON in UTF-8: {error}") from error
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        path = "/" + "/".join(str(part) for part in first["loc"])
        raise Garbage(f"{path}: {first['msg']}") from error


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    known = dict(pairs)
    if len(known) != len(pairs):
        raise ValueError("a key occurs twice")
    return known


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def version_of(header: object, body: bytes) -> int | None:
    """The version that a message claims, by its header or else by its body; None when it claims none."""
    if isinstance(header, int) and not isinstance(header, bool):
        return header
    try:
        claimed = json.loads(body)["version"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return claimed if isinstance(claimed, int) and not isinstance(claimed, bool) else None


def id_times(job_id: str) -> tuple[int, int]:
    """What an id says of itself: created_at and deadline in ms since 1970. It proves nothing. Raises ValueError."""
    number = int(job_id[:29], 32) >> 1
    created = number >> 96
    return created, created + ((number >> 80) & 0xFFFF) * 1000
