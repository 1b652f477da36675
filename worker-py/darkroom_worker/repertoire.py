"""What the engine can draw with, by contract/engine.json: samplers under the names that people use, and what each pipeline class can do."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Family = Literal["diffusion", "flow"]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", populate_by_name=True)


class Sampler(_Part):
    """A diffusers scheduler class, and what its from_config is told beside the model's own configuration."""

    id: str
    name: str  # as people know it: DPM++ 2M Karras
    family: Family
    class_name: str = Field(alias="class")
    options: dict[str, Any]


class Pipeline(_Part):
    """What a pipeline class can do."""

    task: Literal["text_to_image", "upscale"]
    family: Family  # of samplers that fit it
    negative_prompt: bool
    guidance: Literal[
        "classifier_free", "embedded", "none"
    ]  # two passes a step above 1; a number given to the model; neither
    rows: bool  # the rows of a batch may each have a guidance scale of their own
    long_prompts: bool  # chunked encoding is possible


class Repertoire(_Part):
    """The whole file."""

    description: str
    samplers: tuple[Sampler, ...]
    pipelines: dict[str, Pipeline]

    @classmethod
    def read(cls, contract: Path) -> Repertoire:
        """Reads engine.json of the treaty's folder. Raises OSError or ValidationError: the file ships with the code."""
        return cls.model_validate_json((contract / "engine.json").read_bytes())

    def sampler(self, name: str) -> Sampler | None:
        return next((sampler for sampler in self.samplers if sampler.id == name), None)
