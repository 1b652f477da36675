"""deploy/models.yaml -> the models that this worker serves, with what it takes to draw with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from darkroom_worker import catalog_rules
from darkroom_worker.catalog_shape import FILE, Place, find, value
from darkroom_worker.repertoire import Pipeline, Repertoire, Sampler
from darkroom_worker.settings import CHECKOUT


class BadCatalogue(Exception):
    """The catalogue cannot be used; the text has a line for each problem: file, line, key, what is wrong, what is allowed."""


class _Entry(BaseModel):
    # What the file may hold is checked by its lines before; these types hold what the worker uses of it.
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class StallSeconds(_Entry):
    """How long a stage may go without progress before the engine is killed."""

    load: float = Field(gt=0)
    warm_up: float = Field(gt=0)
    first_step: float = Field(gt=0)
    step: float = Field(gt=0)
    decode: float = Field(gt=0)


class Sizes(_Entry):
    """Width and height in pixels, of the picture that comes out."""

    min: int = Field(default=8, ge=8)
    max: int = Field(default=16_384, le=16_384)
    multiple_of: int = Field(default=8, ge=1)


class Defaults(_Entry):
    """What a request that leaves it out gets."""

    width: int = 512  # pixels
    height: int = 512  # pixels
    steps: int = 20
    guidance_scale: float = 5
    scheduler: str = ""


class Speed(_Entry):
    """Memory against speed."""

    attention_slicing: bool = False
    vae_slicing: bool = False
    vae_tiling: bool = False
    channels_last: bool = False
    compile: bool = False
    offload: Literal["none", "model", "sequential"] = "none"
    warm_up: list[list[int]] = []  # pairs of width and height, in pixels; empty: the default size


class Model(_Entry):
    """An entry of the catalogue, as a worker sees it."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    name: str = ""
    enabled: bool = True
    task: Literal["text_to_image", "upscale", "simulated"]
    test_only: bool = False
    source: str | None = None
    repository: str | None = None
    revision: str | None = None
    pipeline: str | None = None  # diffusers class, one of contract/engine.json
    dtype: Literal["float32", "float16", "bfloat16"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    memory_mb: int = Field(default=0, ge=0)  # estimate, until the engine has measured; MiB
    speed: Speed = Speed()
    golden: str | None = None  # PNG that the record command drew
    long_prompts: bool = False  # encoded in chunks
    scale: int | None = None  # upscale only: how many times as wide and high the picture comes out
    sizes: Sizes = Sizes()
    schedulers: dict[str, dict[str, Any]]  # sampler id -> options over those of contract/engine.json
    defaults: Defaults = Defaults()
    max_n: int = Field(default=64, ge=1, le=64)
    prompt_words: int = 0
    batch_cap: int = Field(ge=1, le=64)  # upper bound of images denoised together
    step_ms: float = Field(default=0, ge=0)
    stall_seconds: StallSeconds
    vocabulary: list[str] = []  # words that it knows; empty: no limit
    examples: list[str] = []  # prompts that it does well

    # Found in contract/engine.json by the loader, so that nobody else has to look there.
    samplers: dict[str, Sampler] = {}  # those of `schedulers`, with the entry's options over their own
    traits: Pipeline | None = None  # what the pipeline's class can do; None where nothing is loaded


def load(path: Path, only: Sequence[str], test_mode: bool, contract: Path = CHECKOUT / "contract") -> dict[str, Model]:
    """The models that this worker serves, by id: those named in `only`, or all. Raises BadCatalogue."""
    repertoire = Repertoire.read(contract)
    try:
        text = path.read_text()
    except OSError as error:
        raise BadCatalogue(f"MODELS_FILE={path}: cannot be read ({error.strerror})") from error
    models = [Model.model_validate(entry) for entry in _read(text, path, repertoire, test_mode)]
    offered = {
        model.id: _equipped(model, path, repertoire)
        for model in models
        if model.enabled and (test_mode or not model.test_only)
    }
    unknown = [name for name in only if name not in offered]
    if unknown:
        raise BadCatalogue(f"WORKER_MODELS={','.join(only)}: {unknown[0]} is not in {path} ({', '.join(offered)})")
    return {name: model for name, model in offered.items() if not only or name in only}


class _Loader(yaml.SafeLoader):
    """An anchor may be given anew, as YAML 1.2 and the gateway's parser have it."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if not self.check_event(yaml.AliasEvent):
            self.anchors.pop(self.peek_event().anchor, None)  # type: ignore[no-untyped-call]
        return super().compose_node(parent, index)


def _read(text: str, path: Path, repertoire: Repertoire, test_mode: bool) -> list[dict[str, Any]]:
    """All entries, disabled ones too. Raises BadCatalogue with every problem of the file."""
    try:
        root = yaml.compose(text, Loader=_Loader) or yaml.ScalarNode("", "", yaml.Mark(path.name, 0, 0, 0, "", 0))
    except yaml.YAMLError as error:
        raise BadCatalogue(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    found = list(FILE.problems(root, Place(1, "")))
    models, line = find(root, "models")
    if models is not None:
        found += catalog_rules.judge(models, line, repertoire, found, test_mode)
    if found:
        found.sort(key=lambda problem: (problem.line, problem.key, problem.what))
        raise BadCatalogue("\n".join(f"{path}:{problem}" for problem in found))
    entries: list[dict[str, Any]] = value(root)["models"]
    return entries


def _equipped(model: Model, path: Path, repertoire: Repertoire) -> Model:
    """Folders are relative to the folder above the catalogue's; samplers and pipeline are looked up."""
    root = path.resolve().parent.parent
    known = {name: (repertoire.sampler(name), options) for name, options in model.schedulers.items()}
    return model.model_copy(
        update={
            "source": str(root / model.source) if model.source else None,
            "golden": str(root / model.golden) if model.golden else None,
            "samplers": {
                name: sampler.model_copy(update={"options": sampler.options | options})
                for name, (sampler, options) in known.items()
                if sampler
            },
            "traits": repertoire.pipelines.get(model.pipeline or ""),
        }
    )
