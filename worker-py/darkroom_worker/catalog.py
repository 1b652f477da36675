"""deploy/models.yaml -> the models that this worker serves, with what it takes to draw with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError


class BadCatalogue(Exception):
    """The catalogue cannot be used; the text is one line for the operator: file, entry, key, what is wrong."""


class _Entry(BaseModel):
    # The gateway reads the same file; each half checks what it uses.
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class StallSeconds(_Entry):
    """How long a stage may go without progress before the engine is killed."""

    load: float = Field(gt=0)
    warm_up: float = Field(gt=0)
    first_step: float = Field(gt=0)
    step: float = Field(gt=0)
    decode: float = Field(gt=0)


class Model(_Entry):
    """An entry of the catalogue, as a worker sees it."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    task: Literal["text_to_image", "simulated"]
    test_only: bool = False
    source: str | None = None
    repository: str | None = None
    revision: str | None = None
    pipeline: Literal["StableDiffusionPipeline", "StableDiffusionXLPipeline", "FluxPipeline"] | None = None
    dtype: Literal["float32", "float16", "bfloat16"] = "float32"
    schedulers: dict[str, dict[str, Any]]
    batch_cap: int = Field(ge=1, le=64)
    step_ms: float = Field(default=0, ge=0)
    stall_seconds: StallSeconds


def load(path: Path, only: Sequence[str], test_mode: bool) -> dict[str, Model]:
    """The models that this worker serves, by id: those named in `only`, or all. Raises BadCatalogue."""
    try:
        entries = yaml.safe_load(path.read_text())["models"]
        models = [Model.model_validate(entry) for entry in entries]
    except OSError as error:
        raise BadCatalogue(f"MODELS_FILE={path}: cannot be read ({error.strerror})") from error
    except yaml.YAMLError as error:
        raise BadCatalogue(f"{path}: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadCatalogue(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (KeyError, TypeError) as error:
        raise BadCatalogue(f"{path}: must hold a list named models") from error
    offered = {model.id: _located(model, path) for model in models if test_mode or not model.test_only}
    unknown = [name for name in only if name not in offered]
    if unknown:
        raise BadCatalogue(f"WORKER_MODELS={','.join(only)}: {unknown[0]} is not in {path} ({', '.join(offered)})")
    served = {name: model for name, model in offered.items() if not only or name in only}
    if not served:
        raise BadCatalogue(f"{path}: no model to serve")
    return served


def _located(model: Model, path: Path) -> Model:
    """Folders are relative to the folder above the catalogue's."""
    if model.source is None:
        return model
    return model.model_copy(update={"source": str(path.resolve().parent.parent / model.source)})
